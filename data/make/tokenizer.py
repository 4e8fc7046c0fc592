"""Trains the tokenizers of the tiny bilingual models that come with the project, and says how large those models are.

    python data/make/tokenizer.py data/corpus.jsonl data/models/llama-tiny
    python data/make/tokenizer.py data/corpus.jsonl data/models/bloom-tiny --family bloom

The corpus has one document a line, each { "text" } (see corpus.ts). The result is a folder in Hugging Face layout without
weights: config.json and a BPE tokenizer of the family's kind, with byte fallback (LLaMA) or on bytes (BLOOM).
configs/pretrain/ has the runs that train the models.
"""
import argparse
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

VOCABULARY = 3072
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

# What merges are learned within: newlines, single digits, and words, runs of Chinese characters and of signs, each with
# the space before it. A space is never merged with what stands before it (as in LLaMA), so that a prompt's tokens are
# the same with and without the answer behind it.
PIECES = r'\n+|\d|▁?[A-Za-z]+|▁?[一-鿿]+|▁?[^\n\dA-Za-z一-鿿▁]+|▁+'

# How BLOOM cuts text (bigscience/bloom, tokenizer.json). The class within the class is one with the outer.
BLOOM_WORDS = r' ?[^(\s|[.,!?…。，、।۔،])]+'


def isolated(pattern: str) -> pre_tokenizers.Split:
    return pre_tokenizers.Split(Regex(pattern), behavior='isolated')


def train_tokenizer(documents: list[str]) -> Tokenizer:
    """LLaMA's form, which keeps every text exact: spaces become ▁, unknown characters bytes, and merges alone cut text."""
    tokenizer = Tokenizer(models.BPE(unk_token='<unk>', fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend('▁'), normalizers.Replace(' ', '▁')])
    tokenizer.pre_tokenizer = isolated(PIECES)
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
    form['pre_tokenizer'] = None
    tokenizer = Tokenizer.from_str(json.dumps(form))
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(' ', 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single='<s> $A', pair='<s> $A <s> $B', special_tokens=[('<s>', 1)])
    return tokenizer


def train_byte_tokenizer(documents: list[str]) -> Tokenizer:
    """BLOOM's form: BPE on the bytes of its words; no token is put before a text."""
    tokenizer = Tokenizer(models.BPE())
    bytes_of_piece = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([isolated(PIECES.replace('▁', ' ')), bytes_of_piece])
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[*SPECIAL, '<pad>'],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        max_token_length=32,
        show_progress=False,
    )
    tokenizer.train_from_iterator(documents + PROMPTS * 2000, trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([isolated(BLOOM_WORDS), bytes_of_piece])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + '\n', encoding='utf-8')


def save_bloom(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the folder; the configuration in the keys that bigscience's own have."""
    special = {'bos_token_id': 1, 'eos_token_id': 2, 'pad_token_id': 3}
    write_json(folder / 'config.json', {
        'architectures': ['BloomForCausalLM'], 'model_type': 'bloom', 'vocab_size': tokenizer.get_vocab_size(),
        'hidden_size': 192, 'n_layer': 5, 'n_head': 6, 'seq_length': 512, 'layer_norm_epsilon': 1e-5,
        'apply_residual_connection_post_layernorm': False, 'hidden_dropout': 0.0, 'attention_dropout': 0.0,
        'initializer_range': 0.02, 'tie_word_embeddings': True, **special, 'torch_dtype': 'float16',
        'use_cache': True})
    write_json(folder / 'generation_config.json', special)
    tokenizer.save(str(folder / 'tokenizer.json'), pretty=False)
    write_json(folder / 'tokenizer_config.json', {
        'tokenizer_class': 'PreTrainedTokenizerFast', 'bos_token': '<s>', 'eos_token': '</s>',
        'unk_token': '<unk>', 'pad_token': '<pad>', 'model_max_length': 512,
        'clean_up_tokenization_spaces': False})


def save_llama(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the folder; the configuration in the keys that every reader of LLaMA knows."""
    special = {'bos_token_id': 1, 'eos_token_id': 2, 'pad_token_id': 0}
    write_json(folder / 'config.json', {
        'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'vocab_size': tokenizer.get_vocab_size(),
        'hidden_size': 192, 'intermediate_size': 496, 'num_hidden_layers': 6, 'num_attention_heads': 6,
        'num_key_value_heads': 2, 'hidden_act': 'silu', 'max_position_embeddings': 512, 'rms_norm_eps': 1e-5,
        'tie_word_embeddings': True, **special, 'attention_bias': False, 'mlp_bias': False,
        'rope_theta': 10000.0, 'torch_dtype': 'float16', 'use_cache': True})
    write_json(folder / 'generation_config.json', special)
    tokenizer.save(str(folder / 'tokenizer.json'), pretty=False)
    write_json(folder / 'tokenizer_config.json', {
        'tokenizer_class': 'PreTrainedTokenizerFast', 'bos_token': '<s>', 'eos_token': '</s>',
        'unk_token': '<unk>', 'pad_token': '<unk>', 'model_max_length': 512,
        'clean_up_tokenization_spaces': False})


FAMILIES = {'llama': (train_tokenizer, save_llama), 'bloom': (train_byte_tokenizer, save_bloom)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('corpus', type=Path)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--family', choices=FAMILIES, default='llama')
    options = parser.parse_args()
    lines = options.corpus.read_text(encoding='utf-8').splitlines()
    train, save = FAMILIES[options.family]
    options.folder.mkdir(parents=True, exist_ok=True)
    save(train([json.loads(line)['text'] for line in lines]), options.folder)


if __name__ == '__main__':
    main()
