"""The tokenizer of a GGUF, built by transformers, which drops how many of them split a text."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers

from stability.gguf_format import GGUFError, GGUFFile
from stability.models.gguf.keys import architecture_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

BYTE_LEVEL, SENTENCEPIECE = "gpt2", "llama"

# the keys that are read, without `tokenizer.ggml.`, and the type of each
_READ: dict[str, type] = {
    "model": str,
    "pre": str,
    "tokens": list,
    "token_type": list,
    "scores": list,
    "merges": list,
    "bos_token_id": int,
    "eos_token_id": int,
    "unknown_token_id": int,
    "padding_token_id": int,
    "add_bos_token": bool,
    "add_eos_token": bool,
    "add_space_prefix": bool,
    "tokenizer.chat_template": str,
}
_NEEDED = {BYTE_LEVEL: ("tokens", "merges"), SENTENCEPIECE: ("tokens", "scores")}
# no token of a text depends on the ids of these
_NAMES = (
    *("eot", "eom", "seperator", "mask", "cls", "prefix", "suffix", "middle"),
    *(f"fim_{part}" for part in ("pre", "suf", "mid", "pad", "rep", "sep")),
)
_OTHER_TEMPLATES = ("tokenizer.chat_template.", "tokenizer.chat_templates")
_ABSENT = {"add_sep_token": False, "remove_extra_whitespaces": False}

_GPT2 = (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",)
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
_SPLITS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo"), _GPT2),
    **dict.fromkeys(("qwen2", "stablelm2", "deepseek-r1-qwen"), _QWEN2),
    **dict.fromkeys(("smollm", "starcoder", "refact", "command-r"), (r"\p{N}", *_GPT2)),
    "falcon": (r"[\p{P}\$\+<=>\^~\|`]+", *_GPT2, r"\p{N}+", "[0-9][0-9][0-9]"),
    "default": (r"[\p{P}\$\+<=>\^~\|]+", *_GPT2, r"\p{N}+", "[0-9][0-9][0-9]"),
    "bloom": (r" ?[^(\s|.,!?…。，、।۔،)]+",),
}
# words that are tokens are never merged from parts, and a text begins with the BOS token
_WHOLE_WORDS = ("llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral", "lfm2", "tekken")


def read_tokenizer(path: Path, file: GGUFFile, empty: Path) -> "PreTrainedTokenizerFast":
    """Return the tokenizer of a file.

    Args:
        path: of the file.
        file: its metadata.
        empty: a folder without files, where transformers looks for more of the tokenizer.

    Raises:
        GGUFError: the tokenizer is of a kind, splits text in a way, or has a key that is not known.

    """
    from transformers import PreTrainedTokenizerFast

    keys = _keys(file)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(empty, gguf_file=str(path))
    backend, architecture = tokenizer.backend_tokenizer, architecture_of(file)
    if keys["model"] == BYTE_LEVEL:
        bos = _split_bytes(backend, keys, architecture)
    else:
        bos = True
        _prefix_space(backend, keys, architecture)
    for key, default in (("bos", bos), ("eos", False)):
        added = keys.get(f"add_{key}_token", default)
        if added and keys.get(f"{key}_token_id") is None:
            raise GGUFError(f"no key tokenizer.ggml.{key}_token_id, of a token to be added")
        setattr(tokenizer, f"add_{key}_token", added)
    return tokenizer


def _keys(file: GGUFFile) -> dict[str, Any]:
    """The tokenizer's keys without their prefix, each known and of its type."""
    found: dict[str, Any] = {}
    for name, value in file.metadata.items():
        key = name.removeprefix("tokenizer.ggml.")
        if not name.startswith("tokenizer.") or name.startswith(_OTHER_TEMPLATES):
            continue
        if key in _READ and type(value) is not _READ[key]:
            raise GGUFError(f"{name} = {str(value)[:60]!r}, of a wrong type")
        named = key.endswith("_token_id") and key.removesuffix("_token_id") in _NAMES
        if not named and key not in _READ and _ABSENT.get(key) is not value:
            raise GGUFError(f"{name} = {str(value)[:60]!r}, which cannot be read here")
        found[key] = value
    if (kind := found.get("model")) not in _NEEDED:
        raise GGUFError(f"a tokenizer of the kind {kind!r}, neither gpt2 nor llama")
    if missing := [key for key in _NEEDED[kind] if key not in found]:
        raise GGUFError(f"no key tokenizer.ggml.{missing[0]}")
    _require_one_each(found, file.tensors["token_embd.weight"].shape[0])
    return found


def _require_one_each(keys: dict[str, Any], n_rows: int) -> None:
    """Require texts as tokens, a type and a score of each, and ids that are among them."""
    n_tokens = len(keys["tokens"])
    if n_tokens > n_rows:
        raise GGUFError(f"{n_tokens} tokens with embeddings of {n_rows}")
    for key, element in (("tokens", str), ("merges", str), ("token_type", int), ("scores", float)):
        values = keys.get(key)
        if values is not None and any(type(value) is not element for value in values):
            raise GGUFError(f"tokenizer.ggml.{key} with elements of a wrong type")
        if values is not None and key != "merges" and len(values) != n_tokens:
            raise GGUFError(f"tokenizer.ggml.{key} of {len(values)} for {n_tokens} tokens")
    for key in ("bos", "eos", "unknown", "padding"):
        token_id = keys.get(f"{key}_token_id", 0)
        if not 0 <= token_id < n_tokens:
            raise GGUFError(f"tokenizer.ggml.{key}_token_id = {token_id} of {n_tokens} tokens")


def _split_bytes(backend: Tokenizer, keys: dict[str, Any], architecture: str) -> bool:
    """Split text as the file says before bytes are merged; return whether BOS is the default."""
    qwen = architecture.startswith("qwen")
    pre = str(keys.get("pre", "qwen2" if qwen else "gpt-2"))
    if qwen:
        # theirs compose characters first, which no key says
        backend.normalizer = normalizers.NFC()
    if keys.get("add_space_prefix"):
        raise GGUFError("tokenizer.ggml.add_space_prefix of a byte-level tokenizer")
    if pre in _SPLITS:
        splits = [pre_tokenizers.Split(Regex(split), "isolated") for split in _SPLITS[pre]]
        merged = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        backend.pre_tokenizer = pre_tokenizers.Sequence([*splits, merged])
    elif not isinstance(backend.pre_tokenizer, pre_tokenizers.Sequence):
        raise GGUFError(f"tokenizer.ggml.pre = {pre!r}, a way to split text that is not known")
    if pre in _WHOLE_WORDS:
        backend.model.ignore_merges = True
    return pre in _WHOLE_WORDS


def _prefix_space(backend: Tokenizer, keys: dict[str, Any], architecture: str) -> None:
    """Put a space before a text if the file says so, as SentencePiece; Gemma's never do."""
    prefix = keys.get("add_space_prefix", not architecture.startswith("gemma"))
    if architecture.startswith("gemma"):
        if prefix:
            raise GGUFError("tokenizer.ggml.add_space_prefix of a Gemma")
        return
    spaces = normalizers.Replace(" ", "▁")
    before = [normalizers.Prepend("▁")] if prefix else []
    backend.normalizer = normalizers.Sequence([*before, spaces])
    backend.pre_tokenizer = None
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    after = [decoders.Strip(" ", 1, 0)] if prefix else []
    backend.decoder = decoders.Sequence([*steps, *after])
