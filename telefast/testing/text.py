"""Texts as people write them: several scripts, emoji, and entities with their UTF-16 offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telethon.tl import types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telefast.testing.dice import Dice

__all__ = [
    "CAPTION_LIMIT",
    "EMOJI",
    "LANGUAGES",
    "TEXT_LIMIT",
    "Language",
    "Mention",
    "Text",
    "utf16",
    "write",
]

TEXT_LIMIT = 4096
"""Longest text of a message, in UTF-16 units (`Config.message_length_max`)."""

CAPTION_LIMIT = 1024
"""Longest caption of a media message, in UTF-16 units (`Config.caption_length_max`)."""


class Language(NamedTuple):
    """Words and names of one language.

    Attributes:
        words: Common words.
        first: First names.
        last: Last names; may be empty.
        space: What stands between two words.
    """

    words: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]
    space: str = " "


class Mention(NamedTuple):
    """Somebody whom a text may mention.

    Attributes:
        user_id: Bare id of the user.
        name: First name.
        username: Username, or None.
    """

    user_id: int
    name: str
    username: str | None


class Text(NamedTuple):
    """A text with what stands in it.

    Attributes:
        text: The text.
        entities: Its entities by offset, or None if there are none.
        mentioned: Bare ids of the users mentioned by id.
        url: The first plain link in the text, or None.
    """

    text: str
    entities: list[types.TypeMessageEntity] | None
    mentioned: tuple[int, ...] = ()
    url: str | None = None


def _language(words: str, first: str, last: str = "", space: str = " ") -> Language:
    return Language(tuple(words.split()), tuple(first.split()), tuple(last.split()), space)


LANGUAGES: tuple[Language, ...] = (
    _language(
        "the a and but so when we you they it this that meeting train coffee tomorrow today photo "
        "price works broken again thanks sure maybe really never always update server version "
        "build sent look here there market rain friend house music question answer please ok yes "
        "no lol street number because between something everyone's don't week-end",
        "Emma Oliver Maya Jack Grace Noah Zoe Liam Chloe Sam",
        "Smith Brown O'Neill Taylor Wilson Carter",
    ),
    _language(
        "и в не на я что он мы это как но завтра сегодня привет спасибо встреча поезд кофе фото "
        "цена работает сломалось опять конечно может сервер версия дом музыка вопрос ответ да нет "
        "дождь друг улица номер потому что-то всем ещё объявление",
        "Анна Иван Ольга Дмитрий Елена Сергей Наталья Артём",
        "Иванов Смирнова Кузнецов Попова Соколов",
    ),
    _language(
        "der die das und aber wenn wir ihr heute morgen danke Treffen Zug Kaffee Foto Preis läuft "
        "kaputt wieder natürlich vielleicht Straße Größe Frage Antwort ja nein Regen Freundin "
        "Öffnungszeiten Donaudampfschifffahrt außerdem überhaupt",
        "Jürgen Anja Klaus Sörine Heike Lukas",
        "Müller Schäfer Weiß Krüger",
    ),
    _language(
        "el la y pero cuando nosotros mañana hoy gracias reunión tren café foto precio funciona "
        "roto otra claro quizás nunca siempre calle niño pregunta respuesta sí no lluvia amiga "
        "¿qué? ¡vale! señal corazón",
        "Lucía José María Íñigo Sofía Andrés",
        "García Núñez López Peña",
    ),
    _language(
        "在 我们 明天 今天 谢谢 会议 火车 咖啡 照片 价格 可以 坏了 再来 当然 也许 服务器 版本 房子 "
        "音乐 问题 回答 是 不是 下雨 朋友 街 号码 因为 大家 𠮷野家 龘",
        "伟 芳 娜 静 磊 洋",
        "王 李 张 刘 陈",
        "",
    ),
    _language(
        "でも 明日 今日 ありがとう 会議 電車 コーヒー 写真 値段 動く 壊れた また もちろん たぶん "
        "サーバー 家 音楽 質問 答え はい いいえ 雨 友達 ｶﾞｲﾄﾞ みんな 𩸽",
        "陽菜 蓮 結衣 大翔",
        "佐藤 鈴木 高橋 田中",
        "",
    ),
    _language(
        "في من على نحن غدا اليوم شكرا اجتماع قطار قهوة صورة سعر يعمل مكسور مرة طبعا ربما شارع رقم "
        "سؤال جواب نعم لا مطر صديق لماذا الجميع أهلًا",
        "محمد فاطمة علي ليلى يوسف",
        "الحسن النجار حداد",
    ),
    _language(
        "और में हम कल आज धन्यवाद बैठक ट्रेन कॉफ़ी फ़ोटो दाम ठीक ख़राब फिर ज़रूर शायद सड़क सवाल जवाब हाँ "
        "नहीं बारिश दोस्त क्यों सब नमस्ते",
        "आरव प्रिया रोहन अनन्या",
        "शर्मा सिंह पटेल",
    ),
)
"""Languages of the users, the most frequent first."""

EMOJI: tuple[str, ...] = (
    "👍", "😂", "❤️", "🔥", "🎉", "😢", "🤔", "🙏", "👀", "✨", "🫠", "💯",
    "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇺🇦", "👩🏽‍💻", "1️⃣", "☕",
)  # fmt: skip
"""Emoji of one to eleven UTF-16 units: variation selectors, skin tones, flags, joined families."""

_ROOM = 200
"""UTF-16 units left free at the end of a text: no marked piece and no emoji is longer."""

_HOSTS = ("example.org", "example.com", "news.example.net", "пример.example", "shop.example")
_CODE = ("print(42)", "git push", "SELECT 1;", "x := y + 1", "make test", "ls -la", "λ x. x")
_PRE = (
    ("python", "def answer():\n    return 42\n"),
    ("json", '{"ok": true, "name": "Ünïcode 😀"}'),
    ("", "| a | b |\n|---|---|\n| 1 | 2 |"),
    ("bash", "for i in 1 2 3; do\n  echo $i\ndone"),
)
_WRAPS = (
    types.MessageEntityBold,
    types.MessageEntityItalic,
    types.MessageEntityUnderline,
    types.MessageEntityStrike,
    types.MessageEntitySpoiler,
)


def utf16(text: str) -> int:
    """Return the length of *text* in UTF-16 units, in which Telegram counts offsets.

    Example:
        >>> utf16("a👍")
        3
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def write(
    dice: Dice, language: Language, people: Sequence[Mention], *, caption: bool = False
) -> Text:
    """Write one text: mostly a short line, now and then a long one.

    Args:
        dice: What the text depends on.
        language: Its words.
        people: Whom it may mention; may be empty.
        caption: Keep within the limit of captions.
    """
    roll = dice.below(1000)
    if roll < 720:
        count = 1 + dice.below(10)
    elif roll < 940:
        count = 8 + dice.below(30)
    elif roll < 992 or caption:
        count = 30 + dice.below(60)
    else:
        count = 120 + dice.below(200)
    words = language.words
    size = len(words)
    chosen = [words[dice.below(size)] for _ in range(count)]
    limit = CAPTION_LIMIT if caption else TEXT_LIMIT
    if dice.below(100) < 22:
        return _marked(dice, language, chosen, people, limit)
    text = language.space.join(chosen)
    while utf16(text) > limit - _ROOM:
        chosen = chosen[: len(chosen) * 4 // 5]
        text = language.space.join(chosen)
    if dice.below(100) < 18:
        text = f"{text} {dice.pick(EMOJI)}"
    return Text(text, None)


def _marked(
    dice: Dice, language: Language, words: list[str], people: Sequence[Mention], limit: int
) -> Text:
    """Write *words* with one to four marked pieces among them."""
    space = language.space or " "
    parts: list[str] = []
    entities: list[types.TypeMessageEntity] = []
    mentioned: list[int] = []
    url: str | None = None
    offset = 0
    step = max(1, len(words) // (1 + dice.below(4)))
    for begin in range(0, len(words), step):
        plain = language.space.join(words[begin : begin + step]) + space
        width = utf16(plain)
        if offset + width > limit - _ROOM:
            break
        parts.append(plain)
        offset += width
        piece, made = _piece(dice, language, people, offset)
        if made:
            last = made[-1]
            if url is None and isinstance(last, types.MessageEntityUrl):
                url = piece
            elif isinstance(last, types.MessageEntityMentionName):
                mentioned.append(last.user_id)
            entities += made
            parts.append(piece + " ")
            offset += utf16(piece) + 1
    return Text("".join(parts).rstrip(" "), entities or None, tuple(mentioned), url)


def _piece(
    dice: Dice, language: Language, people: Sequence[Mention], offset: int
) -> tuple[str, list[types.TypeMessageEntity]]:
    """Return one marked piece and its entities, outermost first."""
    kind = dice.below(15)
    if kind < 5:
        piece = language.space.join(dice.pick(language.words) for _ in range(1 + dice.below(3)))
        size = utf16(piece)
        made: list[types.TypeMessageEntity] = [_WRAPS[kind](offset, size)]
        if dice.below(5) == 0:
            made.append(
                types.MessageEntityItalic(offset, size) if kind != 1 else _WRAPS[0](offset, size)
            )
        return piece, made
    if kind == 5:
        piece = f"https://{dice.pick(_HOSTS)}/{dice.below(10**6):x}?q={dice.below(100)}"
        return piece, [types.MessageEntityUrl(offset, utf16(piece))]
    if kind == 6:
        piece = language.space.join(dice.pick(language.words) for _ in range(2))
        link = f"https://{dice.pick(_HOSTS)}/{dice.below(10**6)}#top"
        return piece, [types.MessageEntityTextUrl(offset, utf16(piece), link)]
    if kind in {7, 8} and people:
        person = dice.pick(people)
        if kind == 7 and person.username:
            piece = f"@{person.username}"
            return piece, [types.MessageEntityMention(offset, utf16(piece))]
        piece = person.name
        return piece, [types.MessageEntityMentionName(offset, utf16(piece), person.user_id)]
    if kind == 9:
        piece = dice.pick(_CODE)
        return piece, [types.MessageEntityCode(offset, utf16(piece))]
    if kind == 10:
        dialect, piece = dice.pick(_PRE)
        return piece, [types.MessageEntityPre(offset, utf16(piece), dialect)]
    if kind == 11:
        piece = f"#{dice.pick(language.words).strip('¿?¡!')}"
        return piece, [types.MessageEntityHashtag(offset, utf16(piece))]
    if kind == 12:
        piece = dice.pick(EMOJI)
        document_id = 5_000_000_000_000_000_000 + dice.below(500)
        return piece, [types.MessageEntityCustomEmoji(offset, utf16(piece), document_id)]
    if kind == 13:
        piece = language.space.join(dice.pick(language.words) for _ in range(6))
        return piece, [
            types.MessageEntityBlockquote(offset, utf16(piece), dice.below(2) == 0 or None)
        ]
    return dice.pick(EMOJI), []
