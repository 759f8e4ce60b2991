"""Write the trained model as one GGUF v3 file: matrices f16, norms f32.

    python3 export_gguf.py --run run/ --out kjv-f16.gguf

The file is written from the format's definition (github.com/ggml-org/ggml, docs/gguf.md):
magic, version, counts; metadata; tensor headers; padding; tensor data, every tensor aligned.
The output matrix is absent because it is the embedding. Query and key rows need no permutation:
training already rotates the pairs (x[2i], x[2i+1]), which is what architecture "llama" means.
"""

import argparse
import struct
from pathlib import Path

import numpy as np
import torch

from train import BOS, CONFIG, EOS, load_tokenizer

ALIGNMENT = 32
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9  # metadata value types
SCALAR = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}
TENSOR_F32, TENSOR_F16 = 0, 1
FILE_TYPE_MOSTLY_F16 = 1
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # token types


def pack_string(text):
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def pack_value(kind, value):
    return pack_string(value) if kind == STRING else struct.pack(SCALAR[kind], value)


def pack_metadata(key, kind, value):
    head = pack_string(key)
    if not isinstance(value, list):
        return head + struct.pack("<I", kind) + pack_value(kind, value)
    items = b"".join(pack_value(kind, item) for item in value)
    return head + struct.pack("<IIQ", ARRAY, kind, len(value)) + items


def token_type(tokenizer, token):
    if tokenizer.is_unknown(token):
        return UNKNOWN
    if tokenizer.is_control(token):
        return CONTROL
    return BYTE if tokenizer.is_byte(token) else NORMAL


def metadata(tokenizer):
    tokens = range(tokenizer.get_piece_size())
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, "kjv-5m"),
        ("general.description", STRING, "A small Llama trained on the King James Bible"),
        ("general.license", STRING, "apache-2.0"),
        ("general.file_type", U32, FILE_TYPE_MOSTLY_F16),
        ("general.alignment", U32, ALIGNMENT),
        ("llama.context_length", U32, CONFIG["context"]),
        ("llama.embedding_length", U32, CONFIG["embed"]),
        ("llama.block_count", U32, CONFIG["layers"]),
        ("llama.feed_forward_length", U32, CONFIG["ffn"]),
        ("llama.attention.head_count", U32, CONFIG["heads"]),
        ("llama.attention.head_count_kv", U32, CONFIG["kv_heads"]),
        ("llama.attention.layer_norm_rms_epsilon", F32, CONFIG["norm_eps"]),
        ("llama.rope.dimension_count", U32, CONFIG["embed"] // CONFIG["heads"]),
        ("llama.rope.freq_base", F32, CONFIG["rope_base"]),
        ("llama.vocab_size", U32, CONFIG["vocab"]),
        ("tokenizer.ggml.model", STRING, "llama"),
        ("tokenizer.ggml.pre", STRING, "default"),
        ("tokenizer.ggml.tokens", STRING, [tokenizer.id_to_piece(t) for t in tokens]),
        ("tokenizer.ggml.scores", F32, [tokenizer.get_score(t) for t in tokens]),
        ("tokenizer.ggml.token_type", I32, [token_type(tokenizer, t) for t in tokens]),
        ("tokenizer.ggml.bos_token_id", U32, BOS),
        ("tokenizer.ggml.eos_token_id", U32, EOS),
        ("tokenizer.ggml.unknown_token_id", U32, tokenizer.unk_id()),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
        ("tokenizer.ggml.add_eos_token", BOOL, False),
        ("tokenizer.ggml.add_space_prefix", BOOL, True),
    ]


def tensors(weights):
    """[(name, array)], embedding and output norm first, then block by block."""
    names = sorted(weights, key=lambda name: name.startswith("blk."))
    return [(name, weights[name].numpy().astype(np.float16 if weights[name].dim() == 2 else
                                                np.float32)) for name in names]


def padding(size):
    return b"\0" * (-size % ALIGNMENT)


def pack_tensor_headers(named_arrays):
    """GGUF lists dimensions fastest first, numpy slowest first."""
    headers, offset = b"", 0
    for name, array in named_arrays:
        kind = TENSOR_F16 if array.dtype == np.float16 else TENSOR_F32
        headers += pack_string(name) + struct.pack("<I", array.ndim)
        headers += struct.pack(f"<{array.ndim}Q", *reversed(array.shape))
        headers += struct.pack("<IQ", kind, offset)
        offset += array.nbytes + len(padding(array.nbytes))
    return headers


def gguf_bytes(weights, tokenizer):
    named_arrays, pairs = tensors(weights), metadata(tokenizer)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(named_arrays), len(pairs))
    head += b"".join(pack_metadata(*pair) for pair in pairs) + pack_tensor_headers(named_arrays)
    body = b"".join(a.tobytes() + padding(a.nbytes) for _, a in named_arrays)
    return head + padding(len(head)) + body


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", required=True, help="the folder that train.py wrote")
    parser.add_argument("--out", required=True, help="the GGUF file to write")
    args = parser.parse_args()
    run = Path(args.run)
    weights = torch.load(run / "best.pt", map_location="cpu")["weights"]
    Path(args.out).write_bytes(gguf_bytes(weights, load_tokenizer(run / "tokenizer.model")))


if __name__ == "__main__":
    main()
