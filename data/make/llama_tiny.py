"""Trains the tiny bilingual LLaMA that comes with the project.

    python data/make/llama_tiny.py corpus.txt data/models/llama-tiny [--compile]

The corpus has one document a line, each a JSON string (see corpus.ts). The result is a folder in
Hugging Face layout: a byte-fallback BPE tokenizer of LLaMA's kind and a model in float16.
"""
import argparse
import json
import math
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

VOCABULARY = 3072
CONTEXT = 256
SPECIAL = ['<unk>', '<s>', '</s>']
BYTES = [f'<0x{byte:02X}>' for byte in range(256)]

# The prompts of Alpaca: the tokenizer sees them often, so that they cost few tokens.
PROMPTS = [
    'Below is an instruction that describes a task, paired with an input that provides further context. '
    'Write a response that appropriately completes the request.\n\n'
    '### Instruction:\n\n\n### Input:\n\n\n### Response:',
    'Below is an instruction that describes a task. '
    'Write a response that appropriately completes the request.\n\n### Instruction:\n\n\n### Response:',
]

# Newlines, single digits, and words, runs of Chinese characters and of signs, each with the space before it. A space
# is never merged with what stands before it (as in LLaMA), so that a prompt's tokens are the same with and without
# the answer behind it.
PIECES = r'\n+|\d|▁?[A-Za-z]+|▁?[一-鿿]+|▁?[^\n\dA-Za-z一-鿿▁]+|▁+'


def train_tokenizer(documents: list[str]) -> Tokenizer:
    """A BPE tokenizer that keeps every text exact: spaces become ▁, unknown characters become bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token='<unk>', fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend('▁'), normalizers.Replace(' ', '▁')])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(PIECES), behavior='isolated')
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL + BYTES,
        initial_alphabet=[chr(code) for code in range(33, 127)],
        max_token_length=16,
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents + PROMPTS * 2000, trainer)

    # The byte tokens are ordinary entries of the vocabulary, as in LLaMA; only the first three are special.
    form = json.loads(tokenizer.to_str())
    form['added_tokens'] = [token for token in form['added_tokens'] if token['content'] in SPECIAL]
    form['model']['byte_fallback'] = True
    tokenizer = Tokenizer.from_str(json.dumps(form))
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(' ', 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single='<s> $A', pair='<s> $A <s> $B', special_tokens=[('<s>', 1)])
    return tokenizer


def pack(tokenizer: Tokenizer, documents: list[str]) -> torch.Tensor:
    """The documents one after another, each between <s> and </s>, cut into rows of the context's length."""
    ids = [i for encoding in tokenizer.encode_batch(documents) for i in [*encoding.ids, 2]]
    rows = len(ids) // CONTEXT
    return torch.tensor(ids[:rows * CONTEXT]).view(rows, CONTEXT)


def configure(vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary, hidden_size=192, intermediate_size=496, num_hidden_layers=6,
        num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=512, rms_norm_eps=1e-5,
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def train_model(model: LlamaForCausalLM, rows: torch.Tensor, steps: int, batch: int, peak: float,
                fused: bool) -> None:
    """AdamW with a short warm-up and a cosine decay to a tenth of the peak rate.

    With `fused` the passes are compiled (this needs a C++ compiler) and take a fifth less time.
    """
    forward = torch.compile(model) if fused else model
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{'params': matrices, 'weight_decay': 0.1}, {'params': others, 'weight_decay': 0.0}],
        betas=(0.9, 0.95))
    warmup = min(100, steps // 10)
    order = torch.empty(0, dtype=torch.long)
    total, start = 0.0, time.time()
    model.train()
    for step in range(1, steps + 1):
        if len(order) < batch:
            order = torch.cat([order, torch.randperm(len(rows))])
        chosen, order = order[:batch], order[batch:]
        rate = peak * step / warmup if step < warmup else peak * (
            0.1 + 0.45 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))))
        for group in optimizer.param_groups:
            group['lr'] = rate
        loss = forward(input_ids=rows[chosen], labels=rows[chosen], use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item()
        if step % 50 == 0:
            print(f'step {step}/{steps} loss {total / 50:.4f} {time.time() - start:.0f} s', flush=True)
            total = 0.0


def save(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the folder; the configuration in the keys that every reader of LLaMA knows."""
    folder.mkdir(parents=True, exist_ok=True)
    config = model.config
    keys = ['vocab_size', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads',
            'num_key_value_heads', 'hidden_act', 'max_position_embeddings', 'rms_norm_eps',
            'tie_word_embeddings', 'bos_token_id', 'eos_token_id', 'pad_token_id', 'attention_bias',
            'mlp_bias']
    write_json(folder / 'config.json', {
        'architectures': ['LlamaForCausalLM'], 'model_type': 'llama',
        **{key: getattr(config, key) for key in keys},
        'rope_theta': 10000.0, 'torch_dtype': 'float16', 'use_cache': True})
    write_json(folder / 'generation_config.json', {'bos_token_id': 1, 'eos_token_id': 2, 'pad_token_id': 0})
    tokenizer.save(str(folder / 'tokenizer.json'), pretty=False)
    write_json(folder / 'tokenizer_config.json', {
        'tokenizer_class': 'PreTrainedTokenizerFast', 'bos_token': '<s>', 'eos_token': '</s>',
        'unk_token': '<unk>', 'pad_token': '<unk>', 'model_max_length': 512,
        'clean_up_tokenization_spaces': False})
    tensors = {name: value.half().contiguous() for name, value in model.state_dict().items()
               if name != 'lm_head.weight'}
    save_file(tensors, folder / 'model.safetensors', metadata={'format': 'pt'})


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + '\n', encoding='utf-8')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('corpus', type=Path)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--start', type=Path, help='a folder of this kind to train further')
    parser.add_argument('--steps', type=int, default=2500)
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--rate', type=float, default=3e-3)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--compile', action='store_true', help='compile the passes; needs a C++ compiler')
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    documents = [json.loads(line) for line in options.corpus.read_text(encoding='utf-8').splitlines()]
    tokenizer = (Tokenizer.from_file(str(options.start / 'tokenizer.json')) if options.start
                 else train_tokenizer(documents))
    rows = pack(tokenizer, documents)
    model = (LlamaForCausalLM.from_pretrained(options.start, dtype=torch.float32) if options.start
             else LlamaForCausalLM(configure(tokenizer.get_vocab_size())))
    print(f'{tokenizer.get_vocab_size()} tokens in the vocabulary, {rows.numel()} in the corpus, '
          f'{sum(p.numel() for p in model.parameters())} parameters', flush=True)
    train_model(model, rows, options.steps, options.batch, options.rate, options.compile)
    save(model, tokenizer, options.folder)


if __name__ == '__main__':
    main()
