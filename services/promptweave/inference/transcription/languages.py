"""The languages that Whisper models know, in the order of their tokens (whisper.cpp 1.9.1; OpenAI's `tokenizer.py`)."""

_PAIRS = """
en english, zh chinese, de german, es spanish, ru russian, ko korean, fr french, ja japanese, pt portuguese, tr
turkish, pl polish, ca catalan, nl dutch, ar arabic, sv swedish, it italian, id indonesian, hi hindi, fi finnish,
vi vietnamese, he hebrew, uk ukrainian, el greek, ms malay, cs czech, ro romanian, da danish, hu hungarian, ta
tamil, no norwegian, th thai, ur urdu, hr croatian, bg bulgarian, lt lithuanian, la latin, mi maori, ml malayalam,
cy welsh, sk slovak, te telugu, fa persian, lv latvian, bn bengali, sr serbian, az azerbaijani, sl slovenian, kn
kannada, et estonian, mk macedonian, br breton, eu basque, is icelandic, hy armenian, ne nepali, mn mongolian, bs
bosnian, kk kazakh, sq albanian, sw swahili, gl galician, mr marathi, pa punjabi, si sinhala, km khmer, sn shona,
yo yoruba, so somali, af afrikaans, oc occitan, ka georgian, be belarusian, tg tajik, sd sindhi, gu gujarati, am
amharic, yi yiddish, lo lao, uz uzbek, fo faroese, ht haitian creole, ps pashto, tk turkmen, nn nynorsk, mt
maltese, sa sanskrit, lb luxembourgish, my myanmar, bo tibetan, tl tagalog, mg malagasy, as assamese, tt tatar, haw
hawaiian, ln lingala, ha hausa, ba bashkir, jw javanese, su sundanese, yue cantonese
"""

LANGUAGES: dict[str, str] = dict(" ".join(pair.split()).split(" ", 1) for pair in _PAIRS.split(","))
"""ISO 639 codes, and English names as Whisper spells them."""

ENGLISH = "en"

WITHOUT_SPACES = frozenset({"chinese", "cantonese", "japanese", "thai", "lao", "myanmar"})
"""Languages that are written without spaces: as in OpenAI's `split_to_word_tokens`, each token is a word."""

_CODES = {name: code for code, name in LANGUAGES.items()}


def language_code(text: str) -> str | None:
    """Return the code of a language that is given by its code or its name. None: the language is unknown."""
    text = text.strip().lower()
    return text if text in LANGUAGES else _CODES.get(text)
