"""Measure and sample the trained model; write what a faithful engine must reproduce.

    python3 evaluate.py --run run/ --out .

Writes validation.txt (text of held-out chapters), expected_greedy.tsv (prompt, tab, the 64 tokens
that follow at temperature 0, weights rounded to f16) and expected_greedy.ids (the same as ids, one
line per prompt). Prints the perplexities and the samples of the model card as Markdown.
"""

import argparse
import math
import shutil
from pathlib import Path

import numpy as np
import torch

from train import BOS, CONFIG, EOS, Llama, load_tokenizer, stream_nll

GREEDY_PROMPTS = ["In the beginning", "And the LORD said unto Moses,", "Blessed are"]
SAMPLE_PROMPTS = ["In the beginning", "And it came to pass", "The wise man", "A small engine"]
GREEDY_TOKENS, SAMPLE_TOKENS = 64, 160
TEMPERATURE, SEED = 0.8, 1611


def load_model(path, half=False):
    """`half` rounds the matrices to f16, as the GGUF file stores them; arithmetic stays f32."""
    checkpoint = torch.load(path, map_location="cpu")
    weights = checkpoint["weights"]
    if half:
        weights = {n: w.half().float() if w.dim() == 2 else w for n, w in weights.items()}
    model = Llama()
    model.load_state_dict(weights)
    return model.eval(), checkpoint["step"]


def perplexity(model, ids):
    nll, count = stream_nll(model, ids)
    return math.exp(nll / count), count


def pick(logits, temperature, generator):
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator))


def generate(model, tokenizer, prompt, limit, temperature=0.0, seed=0):
    """(text that follows the prompt, its ids, smallest gap between the two best logits)."""
    generator = torch.Generator().manual_seed(seed)
    prompt_ids = [BOS] + tokenizer.encode(prompt)
    ids, margin = list(prompt_ids), math.inf
    with torch.no_grad():
        while len(ids) < min(len(prompt_ids) + limit, CONFIG["context"]):
            logits = model(torch.tensor([ids]))[0, -1]
            best = logits.topk(2).values
            margin = min(margin, float(best[0] - best[1]))
            token = pick(logits, temperature, generator)
            if token == EOS:
                break
            ids.append(token)
    new = ids[len(prompt_ids):]
    text = tokenizer.decode(ids[1:])[len(tokenizer.decode(prompt_ids[1:])):]
    return text, new, margin


def write_expected(model, tokenizer, out):
    texts, ids = [], []
    for prompt in GREEDY_PROMPTS:
        text, tokens, margin = generate(model, tokenizer, prompt, GREEDY_TOKENS)
        texts.append(f"{prompt}\t{text}\n")
        ids.append(" ".join(map(str, tokens)) + "\n")
        print(f"- greedy margin, `{prompt}`: {margin:.4f} over {len(tokens)} tokens")
    (out / "expected_greedy.tsv").write_text("".join(texts), encoding="utf-8")
    (out / "expected_greedy.ids").write_text("".join(ids), encoding="utf-8")


def print_perplexities(run, exact, half, tokenizer):
    chapters = np.load(run / "validation.npy")
    text = (run / "validation.txt").read_text(encoding="utf-8")
    ids = np.array([BOS] + tokenizer.encode(text))
    for name, model in (("f32", exact), ("f16", half)):
        for what, stream in (("all held-out chapters", chapters), ("validation.txt", ids)):
            value, count = perplexity(model, stream)
            print(f"- {name}, {what}: perplexity {value:.4f} over {count} tokens")
    print(f"- validation.txt: {len(text.encode())} bytes, {len(ids)} tokens with <s>")


def print_samples(model, tokenizer):
    for temperature in (0.0, TEMPERATURE):
        print(f"\nTemperature {temperature:g}:\n")
        for i, prompt in enumerate(SAMPLE_PROMPTS):
            text = generate(model, tokenizer, prompt, SAMPLE_TOKENS, temperature, SEED + i)[0]
            print(f"> **{prompt}**{text}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="the folder that train.py wrote")
    parser.add_argument("--out", required=True, help="the folder to write to")
    args = parser.parse_args()
    run, out = Path(args.run), Path(args.out)
    tokenizer = load_tokenizer(run / "tokenizer.model")
    exact, step = load_model(run / "best.pt")
    half, _ = load_model(run / "best.pt", half=True)
    print(f"- checkpoint of step {step}")
    shutil.copyfile(run / "validation.txt", out / "validation.txt")
    print_perplexities(run, exact, half, tokenizer)
    write_expected(half, tokenizer, out)
    print_samples(half, tokenizer)


if __name__ == "__main__":
    main()
