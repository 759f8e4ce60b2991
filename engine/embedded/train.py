r"""Train the embedded model: a five-million-parameter Llama on the King James Bible.

Reproduce, on Debian 12:

    apt-get install bible-kjv bible-kjv-text python3-torch python3-sentencepiece \
        libopenblas0-pthread gnuplot
    COLUMNS=100000 bible -f gen1:1-rev22:21 > kjv.txt
    python3 train.py --text kjv.txt --out run/ --bf16
    python3 evaluate.py --run run/ --out .
    python3 export_gguf.py --run run/ --out kjv-f16.gguf
    cp run/loss.tsv . && gnuplot loss.gp

The text has one verse per line, "Ge1:1 In the beginning ...". The references are dropped, and a
document is one chapter, its verses flowing in one paragraph: <s> chapter </s>. Every twentieth
chapter, counted over the whole book, is held out for validation; the tokenizer never sees it
either. `run/` receives tokenizer.model, validation.txt, loss.tsv and best.pt, the checkpoint whose
validation loss was lowest.
"""

import argparse
import io
import json
import math
import re
import time
from pathlib import Path

import numpy as np
import sentencepiece
import torch
import torch.nn.functional as F
from torch import nn

CONFIG = dict(
    vocab=1024, context=512, embed=256, layers=6, heads=4, kv_heads=2, ffn=768,
    rope_base=10000.0, norm_eps=1e-5,
)
BOS, EOS = 1, 2
HELD_OUT_EVERY, HELD_OUT_AT = 20, 9  # chapters 9, 29, 49, ... of 0..1188
VALIDATION_TEXT_BYTES = 60_000


# ---------------------------------------------------------------------------- text

def read_chapters(path):
    """[(name, [verse, ...]), ...] in the order of the book."""
    chapters = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"(\w+?\d+):\d+ (.+)", line.strip())
        if not match:
            raise SystemExit(f"not a verse: {line!r}")
        name, verse = match.groups()
        if not chapters or chapters[-1][0] != name:
            chapters.append((name, []))
        chapters[-1][1].append(" ".join(verse.split()))
    return chapters


def split_chapters(chapters):
    held_out = [c for i, c in enumerate(chapters) if i % HELD_OUT_EVERY == HELD_OUT_AT]
    train = [c for i, c in enumerate(chapters) if i % HELD_OUT_EVERY != HELD_OUT_AT]
    return train, held_out


def validation_text(held_out):
    """Whole held-out chapters, taken evenly, as many as fit; the model never saw a newline."""
    texts = [" ".join(verses) for _, verses in held_out]
    for stride in range(1, len(texts) + 1):
        text = " ".join(texts[::stride])
        if len(text.encode()) <= VALIDATION_TEXT_BYTES:
            return text
    raise SystemExit("no held-out chapter is short enough")


def train_tokenizer(chapters, path):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([verse for _, verses in chapters for verse in verses]),
        model_writer=model, model_type="bpe", vocab_size=CONFIG["vocab"], byte_fallback=True,
        character_coverage=1.0, normalization_rule_name="identity", add_dummy_prefix=True,
        remove_extra_whitespaces=False, split_digits=True, unk_id=0, bos_id=BOS, eos_id=EOS,
        pad_id=-1, num_threads=1, minloglevel=1)
    Path(path).write_bytes(model.getvalue())


def load_tokenizer(path):
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def encode_chapter(tokenizer, verses):
    """(<s> chapter </s> as ids, index of the token before each verse).

    No piece crosses a space, so the verses encoded one by one are the chapter encoded whole."""
    ids, before_verse = [BOS], []
    for verse in verses:
        before_verse.append(len(ids) - 1)
        ids += tokenizer.encode(verse)
    assert ids[1:] == tokenizer.encode(" ".join(verses))
    return np.array(ids + [EOS]), np.array(before_verse)


# --------------------------------------------------------------------------- model

class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + CONFIG["norm_eps"]) * self.weight


def rope_rotations(n_positions, head_dim):
    """[position, pair] complex: the rotation of the pair (x[2i], x[2i+1])."""
    frequency = CONFIG["rope_base"] ** (-torch.arange(0, head_dim, 2).double() / head_dim)
    angle = torch.outer(torch.arange(n_positions).double(), frequency)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)


def rope_apply(x, rotations):
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * rotations[: x.shape[-2]]).flatten(-2)


def linear(n_in, n_out):
    layer = nn.Linear(n_in, n_out, bias=False)
    nn.init.normal_(layer.weight, std=0.02)
    return layer


class Block(nn.Module):
    """Pre-norm attention with grouped key/value heads, then a SwiGLU feed-forward."""

    def __init__(self, dropout):
        super().__init__()
        embed, ffn = CONFIG["embed"], CONFIG["ffn"]
        self.heads, self.kv_heads = CONFIG["heads"], CONFIG["kv_heads"]
        self.head_dim = embed // self.heads
        self.dropout = dropout
        self.attn_norm, self.ffn_norm = RMSNorm(embed), RMSNorm(embed)
        self.attn_q = linear(embed, embed)
        self.attn_k = linear(embed, self.kv_heads * self.head_dim)
        self.attn_v = linear(embed, self.kv_heads * self.head_dim)
        self.attn_output = linear(embed, embed)
        self.ffn_gate, self.ffn_up = linear(embed, ffn), linear(embed, ffn)
        self.ffn_down = linear(ffn, embed)
        for layer in (self.attn_output, self.ffn_down):
            nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * CONFIG["layers"]))

    def attention(self, x, rotations, mask):
        batch, tokens, _ = x.shape
        split = lambda y, n: y.view(batch, tokens, n, self.head_dim).transpose(1, 2)
        q = rope_apply(split(self.attn_q(x), self.heads), rotations)
        k = rope_apply(split(self.attn_k(x), self.kv_heads), rotations)
        v = split(self.attn_v(x), self.kv_heads)
        group = self.heads // self.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        q = q * self.head_dim ** -0.5
        weights = torch.softmax(q @ k.transpose(-1, -2) + mask[:tokens, :tokens], -1)
        return self.attn_output((weights @ v).transpose(1, 2).reshape(batch, tokens, -1))

    def feed_forward(self, x):
        return self.ffn_down(F.silu(self.ffn_gate(x)) * self.ffn_up(x))

    def forward(self, x, rotations, mask):
        drop = lambda y: F.dropout(y, self.dropout, self.training)
        x = x + drop(self.attention(self.attn_norm(x), rotations, mask))
        return x + drop(self.feed_forward(self.ffn_norm(x)))


class Llama(nn.Module):
    """Parameters are named as GGUF names its tensors. The output matrix is the embedding."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.dropout = dropout
        self.token_embd = nn.Embedding(CONFIG["vocab"], CONFIG["embed"])
        nn.init.normal_(self.token_embd.weight, std=0.02)
        self.blk = nn.ModuleList(Block(dropout) for _ in range(CONFIG["layers"]))
        self.output_norm = RMSNorm(CONFIG["embed"])
        context, head_dim = CONFIG["context"], CONFIG["embed"] // CONFIG["heads"]
        self.register_buffer("rotations", rope_rotations(context, head_dim), persistent=False)
        mask = torch.full((context, context), -math.inf).triu(1)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, ids):
        """ids [batch, tokens] -> logits [batch, tokens, vocab], f32."""
        x = F.dropout(self.token_embd(ids), self.dropout, self.training)
        for block in self.blk:
            x = block(x, self.rotations, self.mask)
        return F.linear(self.output_norm(x), self.token_embd.weight).float()


# ------------------------------------------------------------------------ training

def epoch_windows(documents, rng):
    """One pass over the shuffled chapters as [windows, context + 1] ids.

    Half of the windows open with <s> before a verse, as a prompt does; the others open anywhere."""
    width = CONFIG["context"] + 1
    order = rng.permutation(len(documents))
    stream = np.concatenate([documents[i][0] for i in order])
    lengths = [len(documents[i][0]) for i in order]
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    verses = np.concatenate([documents[i][1] + o for i, o in zip(order, offsets)])
    starts = np.arange(rng.integers(width), len(stream) - 2 * width, width - 1)
    windows = []
    for start in rng.permutation(starts):
        at_verse = rng.random() < 0.5
        if at_verse:
            start = verses[min(np.searchsorted(verses, start), len(verses) - 1)]
        start = min(start, len(stream) - width)
        window = stream[start : start + width].copy()
        if at_verse:
            window[0] = BOS
        windows.append(window)
    return np.stack(windows)


def batches(documents, batch_size, seed):
    """Endless [batch, context + 1] tensors."""
    rng = np.random.default_rng(seed)
    while True:
        windows = epoch_windows(documents, rng)
        for i in range(0, len(windows) - batch_size + 1, batch_size):
            yield torch.from_numpy(windows[i : i + batch_size])


def stream_nll(model, ids, batch_size=16):
    """(summed nats, tokens scored): windows of `context`, not overlapping, the first token of each
    window given and not scored."""
    context = CONFIG["context"]
    windows = [ids[i : i + context] for i in range(0, len(ids), context)]
    tail = [w for w in windows if 1 < len(w) < context]
    full = [w for w in windows if len(w) == context]
    groups = [full[i : i + batch_size] for i in range(0, len(full), batch_size)]
    groups += [[window] for window in tail]
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for group in groups:
            x = torch.from_numpy(np.stack(group))
            logits = model(x[:, :-1])
            total += F.cross_entropy(logits.flatten(0, 1).double(), x[:, 1:].flatten(),
                                     reduction="sum").item()
            count += x[:, 1:].numel()
    return total, count


def learning_rate(progress, warm_up, peak, floor):
    if progress < warm_up:
        return peak * progress / warm_up
    cosine = 0.5 + 0.5 * math.cos(math.pi * (progress - warm_up) / (1 - warm_up))
    return floor + (peak - floor) * cosine


def make_optimizer(model, weight_decay):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    norms = [p for p in model.parameters() if p.dim() == 1]
    groups = [dict(params=matrices, weight_decay=weight_decay),
              dict(params=norms, weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), eps=1e-8)


def train_step(model, optimizer, batch, bf16):
    model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        logits = model(batch[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def train(model, documents, validation, args, out):
    """Progress is the larger of steps/limit and time/limit, so that a slow machine still ends its
    cosine: the recipe is reproducible wherever the clock does not decide."""
    optimizer = make_optimizer(model, args.weight_decay)
    source = batches(documents, args.batch, args.seed)
    began, step, progress, best, recent = time.monotonic(), 0, 0.0, math.inf, []
    log = open(out / "loss.tsv", "w", encoding="utf-8", buffering=1)
    print("step\ttokens\ttrain\tvalidation\tlearning_rate\tseconds", file=log)
    while progress < 1.0:
        rate = learning_rate(progress, args.warm_up, args.peak, args.floor)
        for group in optimizer.param_groups:
            group["lr"] = rate
        recent.append(train_step(model, optimizer, next(source), args.bf16))
        step += 1
        seconds = time.monotonic() - began
        progress = max(step / args.steps, seconds / (60 * args.minutes))
        if step % args.evaluate_every == 0 or progress >= 1.0:
            nll, count = stream_nll(model, validation)
            loss, tokens = nll / count, step * args.batch * CONFIG["context"]
            row = (f"{step}\t{tokens}\t{np.mean(recent):.4f}\t{loss:.4f}"
                   f"\t{rate:.2e}\t{seconds:.0f}")
            print(row, file=log)
            print(row, flush=True)
            recent = []
            if loss < best:
                best = loss
                torch.save(dict(step=step, validation=loss, weights=model.state_dict()),
                           out / "best.pt")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", required=True, help="one verse per line, with its reference")
    parser.add_argument("--out", required=True, help="folder for the tokenizer and checkpoints")
    parser.add_argument("--steps", type=int, default=4400)
    parser.add_argument("--minutes", type=float, default=48)
    parser.add_argument("--batch", type=int, default=8, help="windows of 512 tokens")
    parser.add_argument("--peak", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--floor", type=float, default=5e-5, help="learning rate")
    parser.add_argument("--warm-up", type=float, default=0.04, help="share of the run")
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--bf16", action="store_true", help="matrix products in bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--evaluate-every", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1611)
    return parser.parse_args()


def main():
    args = parse_arguments()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    train_chapters, held_out = split_chapters(read_chapters(args.text))
    (out / "validation.txt").write_text(validation_text(held_out), encoding="utf-8")
    (out / "split.json").write_text(json.dumps(dict(held_out=[name for name, _ in held_out])))
    train_tokenizer(train_chapters, out / "tokenizer.model")
    tokenizer = load_tokenizer(out / "tokenizer.model")
    documents = [encode_chapter(tokenizer, verses) for _, verses in train_chapters]
    validation = np.concatenate([encode_chapter(tokenizer, v)[0] for _, v in held_out])
    np.save(out / "validation.npy", validation)
    model = Llama(args.dropout)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, "
          f"{sum(len(d[0]) for d in documents)} training tokens in {len(documents)} chapters, "
          f"{len(validation)} validation tokens in {len(held_out)}", flush=True)
    train(model, documents, validation, args, out)


if __name__ == "__main__":
    main()
