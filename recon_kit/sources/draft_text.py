"""A draft as the text of a layout: every guess with its reason and a sample, what is not sure as a comment.

Samples are masked; personal columns and free text are not shown at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import polars as pl

from recon_kit.privacy import mask_text
from recon_kit.sources.draft import FOOTER, Draft, Guess, Unknown
from recon_kit.sources.layout import Rule
from recon_kit.sources.notes import Language

PERSONAL = re.compile(
    "姓名|收货|收件|联系|持卡人|户名(?!称)|手机|电话|地址|身份证|证件|昵称|会员|旺旺|邮箱|微信号|QQ|卡号|账号|帐号|买家|对方"
    "|person|phone|mobile|mail|address|buyer|receiver",
    re.IGNORECASE,
)
TEXTS: dict[str, dict[Language, str]] = {
    "from": {"zh": "按 {file} 第 {row} 行的表头草拟，每一行都请核对", "en": "drafted from row {row} of {file}; check every line"},
    "next": {
        "zh": "能写什么见 docs/layouts.md；改完看结果：recon-kit check 文件 --layouts 本文件夹",
        "en": "docs/layouts.md says what may stand here; to see what it reads: recon-kit check FILE --layouts FOLDER",
    },
    "signature": {"zh": "有这些列的文件由本版式读取", "en": "a file with these columns is read by this layout"},
    "constant": {"zh": "{column} 请核对", "en": "{column}: check it"},
    "row_id": {"zh": "行没有编号：按内容编一个", "en": "rows carry no id: one is made of what they say"},
    "missing": {"zh": "必填，没有认出", "en": "required, not recognised"},
    "unplaced": {"zh": "没有认出，读时会被隔离：", "en": "not recognised, such rows are set aside: "},
    "personal": {"zh": "个人信息，不读：", "en": "personal, not read: "},
    "unused": {"zh": "没有用到的列：", "en": "columns not used: "},
}


def render_draft(draft: Draft, name: str, language: Language = "zh") -> str:
    """The text of the layout called `name`."""
    lines = (*_head(draft, name, language), *_rows(draft, language), *_columns(draft, language))
    return "".join(f"{line}\n" for line in lines)


def _head(draft: Draft, name: str, language: Language) -> Iterator[str]:
    file = draft.file
    needed = [header for guess in draft.guesses if guess.column.required for header in guess.headers]
    others = [header for guess in draft.guesses if not guess.column.required for header in guess.headers]
    signature = list(dict.fromkeys([*needed, *others]))[: max(4, len(needed))] or list(file.words[:4])
    yield _say("from", language, file=file.grid.name, row=file.header.first)
    yield _say("next", language)
    yield f"name = {_quote(name)}"
    yield f"label = {{ zh = {_quote(name)}, en = {_quote(name)} }}"
    yield 'confidence = "C"'
    yield _say("signature", language)
    yield f"signature = [{', '.join(map(_quote, signature))}]"
    if file.has_footer:
        yield f"footer = {_quote(FOOTER)}"


def _rows(draft: Draft, language: Language) -> Iterator[str]:
    table = draft.table
    yield from ("", "[[rows]]", f"table = {_quote(table.name)}  # {table.label}")
    for column in draft.constants:
        yield f"{_say('constant', language, column=column)}: {_allowed(table.column(column).allowed)}"
    if draft.constants:
        yield f"constants = {_inline(draft.constants)}"
    if draft.row_id:
        key = next(name for name in table.key if name not in draft.made and name not in draft.constants)
        yield _say("row_id", language)
        yield f"row_id = {{ column = {_quote(key)}, of = [{', '.join(map(_quote, draft.row_id))}] }}"


def _columns(draft: Draft, language: Language) -> Iterator[str]:
    yield from ("", "[rows.columns]")
    for guess in draft.guesses:
        if not guess.words:
            yield _reason(guess, draft.file, language)
            yield f"{'' if guess.is_sure else '# '}{guess.column.name} = {_rule(guess.rule)}"
    for name in draft.missing:
        if not any(guess.column.name == name for guess in draft.guesses):
            column = draft.table.column(name)
            yield f'# {name} = ""  {_say("missing", language)}: {column.label}'
    yield from _unused(draft, language)
    for guess in draft.guesses:
        if guess.words:
            yield from _words(guess, draft.file, language)


def _words(guess: Guess, file: Unknown, language: Language) -> Iterator[str]:
    mark = "" if guess.is_sure else "# "
    yield ""
    yield f"{_reason(guess, file, language)}; {_allowed(guess.column.allowed)}"
    yield f"{mark}[rows.columns.{guess.column.name}]"
    yield f"{mark}from = {_quote(guess.headers[0])}"
    yield f"{mark}map = {_inline({text: word for text, word in guess.words if word})}"
    if unplaced := [text for text, word in guess.words if not word]:
        yield _comment(TEXTS["unplaced"][language] + "、".join(map(mask_text, unplaced)))


def _unused(draft: Draft, language: Language) -> Iterator[str]:
    """The headers that nothing reads: personal ones by their names, others with a sample where it is no text."""
    used = {header for guess in draft.guesses for header in (*guess.rule.headers, *guess.headers)}
    rest = [word for word in draft.file.words if word not in used]
    personal = [word for word in rest if PERSONAL.search(word)]
    others = [f"{word}{_sample(draft.file.values(word))}" for word in rest if word not in personal]
    for key, words in (("personal", personal), ("unused", others)):
        if words:
            yield _comment(TEXTS[key][language] + "、".join(words))


def _reason(guess: Guess, file: Unknown, language: Language) -> str:
    why = guess.zh if language == "zh" else guess.en
    shown = "" if guess.column.personal or guess.words else "".join(_sample(file.values(header)) for header in guess.headers[:1])
    return _comment(f"{guess.column.label}: {why}{shown}")


def _sample(values: pl.Series) -> str:
    """Two values, masked, where all are ids, amounts or dates."""
    is_plain = values.len() > 0 and values.str.contains(r"^[\x21-\x7e¥￥年月日时分秒 ]{1,40}$").all()
    return f" ({', '.join(mask_text(text) for text in values.head(2))})" if is_plain else ""


def _rule(rule: Rule) -> str:
    """A rule in its shortest form: a header, a list of steps, or a table."""
    if rule.steps:
        return f"[{', '.join(_rule(Rule(**step.model_dump(exclude_defaults=True))) for step in rule.steps)}]"
    stated = rule.model_dump(by_alias=True, exclude_defaults=True)
    return _quote(stated["from"]) if stated.keys() == {"from"} else _inline(stated)


def _inline(stated: Mapping[str, object]) -> str:
    """A TOML inline table of texts, lists of texts and tables of texts."""
    return f"{{ {', '.join(f'{_key(key)} = {_value(value)}' for key, value in stated.items())} }}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return _inline(value)
    return f"[{', '.join(map(_quote, value))}]" if isinstance(value, list | tuple) else _quote(str(value))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_]+", key) else _quote(key)


def _allowed(words: Mapping[str, str]) -> str:
    return " | ".join(f"{word} {label}" for word, label in words.items())


def _say(key: str, language: Language, **facts: object) -> str:
    return _comment(TEXTS[key][language].format(**facts))


def _comment(text: str) -> str:
    return "# " + re.sub(r"[\x00-\x1f\x7f]+", " ", text)


def _quote(text: str) -> str:
    """A TOML basic string: JSON's escapes are TOML's, but for the delete character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
