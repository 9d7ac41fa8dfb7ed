"""The words that `wording` looks for, in English, German and French: all three in every copy, since a
claim is one in any language. Short lists of our own; what is missing here costs a review, not a law.

Patterns are searched in lower case, where every slot stands as the word `slot`.
"""

from __future__ import annotations

from kernel.mail.spam_words import SPAM, words_of

__all__ = [
    "AMOUNTS", "DATES", "DISCOUNT", "FREE", "NUMBER", "ORDERS", "SCARCE", "SPAM", "URGENT",
]  # fmt: skip

NUMBER = (
    r"(?:a|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred"
    r"|thousand|dozen|half|quarter|couple of"
    r"|\w*(?:zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|zwanzig|dreißig|dreissig|vierzig"
    r"|fünfzig|sechzig|siebzig|achtzig|neunzig|hundert|tausend)|halbe\w?"
    r"|deux|trois|quatre|cinq|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingts?|trente"
    r"|quarante|cinquante|soixante|cents?|mille|demi)"
)
_MONEY = r"euros?|dollars?|pounds?|cents?|bucks|francs?|quid|franken|pfund|livres?|eur|usd|gbp|chf|cad|aud"
_TIME = (
    r"minutes?|hours?|days?|weeks?|months?|years?|stunden?|tagen?|tage|wochen?|monate?n?|jahre?n?"
    r"|minuten?|heures?|jours?|semaines?|mois|ans?|années?"
)
_TIMES = r"times|mal|fois|prozent\w*|per ?cent|pour ?cent"
_MONTHS = (
    r"january|february|april|june|july|august|september|october|november|december"
    r"|januar|jänner|februar|märz|mai|juni|juli|oktober|dezember"
    r"|janvier|février|avril|juin|juillet|août|septembre|octobre|novembre|décembre"
)
_DAYS = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
    r"|(?:mon|diens|donners|frei|sams|sonn)tags?|mittwochs?|sonnabends?"
    r"|(?:lun|mar|mercre|jeu|vendre|same)dis?|dimanches?"
)

AMOUNTS = words_of(
    r"per[ -]?cents?|percentage|\w*prozent\w*|pour[ -]?cents?|pourcent\w*",
    r"(?:half|quarter|third|fifth)(?: the)?[ -](?:price|off|cost)",
    r"(?:a|one) (?:half|quarter|third|fifth) (?:off|less|cheaper)",
    r"half[ -]priced?|buy one,? get one|bogo|two for one|three for two|double (?:the )?points",
    r"halbe[rnm]? preis\w*|die hälfte|(?:zwei|drei) für (?:eins|einen?|zwei)|doppelte punkte",
    r"moitié[ -]prix|(?:la|de) moitié|deux pour un|points doublés",
    rf"{NUMBER}(?:[ -](?:and |und |et )?{NUMBER})*[ -](?:{_TIMES}|{_MONEY})",
    r"(?:hundreds|thousands|millions|dozens) of|(?:hunderte|tausende|millionen|dutzende) \w+"
    r"|(?:centaines|milliers|millions|dizaines) (?:de|d')",
    rf"(?:save|take|get|spare\w*|sparen sie|économisez) (?!a\b){NUMBER}",
    rf"(?!a\b|one\b){NUMBER} (?:off|less|cheaper|weniger|günstiger|rabatt|nachlass|de moins|de remise)",
    r"eur|usd|gbp|chf|fivers?|tenners?|zehner|fünfer",
)
"""Numbers, shares and prices in words."""

DATES = words_of(
    _MONTHS,
    _DAYS,
    r"(?:in|until|till|by|before|early|late|mid|end of) (?:may|march)|(?:this|next) march|(?:en|de|fin|mi)[ -]mars",
    r"black friday|cyber monday|boxing day|valentine'?s day|christmas eve|new year'?s eve|heiligabend",
    rf"(?!a\b|one\b){NUMBER}(?:[ -]{NUMBER})*[ -](?:more |weitere |autres )?(?:{_TIME})",
    r"(?:until|till|by|before|end|ends|ending|expires?|expiring|only|closes) "
    r"(?:today|tonight|tomorrow|midnight|noon|the end of|this (?!day)\w+|next \w+|the weekend)",
    r"today only|tonight only|midnight|mitternacht|minuit",
    r"(?:bis|nur|endet|läuft) (?:noch )?(?:heute|morgen|zum ende|ende|diese\w? \w+|nächste\w? \w+)",
    r"nur heute|heute noch|noch heute",
    r"(?:jusqu'à|jusqu'au|avant|dès) (?:demain|ce soir|la fin|ce (?!jour)\w+|cette \w+)|aujourd'hui seulement"
    r"|seulement aujourd'hui|jusqu'à aujourd'hui",
)
"""Dates, periods and deadlines in words: an offer's end is `{{ offer_ends }}`."""

URGENT = words_of(
    r"(?<!no )(?<!not )hurry(?: up)?|last chance|final (?:chance|hours?|days?|call|reminder)|act (?:now|fast)",
    r"limited[ -]time|for a (?:limited|short) time|end(?:s|ing) soon|about to end|expir(?:es|ing|e soon)",
    r"don'?t miss(?: out)?|before it'?s (?:too late|gone|over)|before it ends|now or never|urgent(?:ly)?",
    r"running out|time is (?:short|running)|clock is ticking|countdown|while you (?:still )?can|deadline",
    r"as soon as possible|right now|immediately|last (?:days?|hours?|call)|be quick|soon over",
    r"letzte[rn]? (?:chance|gelegenheit|tage?|stunden?|aufruf)|beeilen|beeil\w*|nur noch (?:kurz\w*|wenige)",
    r"(?:nur )?(?:für )?kurze zeit|läuft (?:bald|demnächst) (?:ab|aus)|endet bald|bald vorbei|jetzt oder nie",
    r"verpassen sie nicht|nicht verpassen|nichts verpassen|dringend|sofort|schnell sein|zugreifen"
    r"|jetzt zuschlagen|solange es geht|greifen sie zu",
    r"dernière chance|derniers jours|dernières heures|dépêchez(?:-vous)?|vite|plus que quelques",
    r"se termine(?: bientôt)?|expire(?:nt)?(?: bientôt)?|ne (?:manquez|ratez) pas|durée limitée"
    r"|temps limité|maintenant ou jamais|urgent[es]*|immédiatement|tout de suite|sans attendre",
)
"""Allowed only where an offer really ends."""

SCARCE = words_of(
    r"while (?:stocks?|supplies|they|it) lasts?|selling (?:out|fast)|almost gone|nearly gone|limited stock",
    r"only a few (?:left|remain\w*)|few left|low (?:in|on) stock|sold out|best[ -]?sell\w+|number one",
    r"solange (?:der )?vorrat reicht|fast (?:ausverkauft|weg)|nur noch wenige|begrenzte stückzahl"
    r"|ausverkauft|bestseller|nummer eins",
    r"jusqu'à épuisement|stocks? limités?|presque épuisé\w*|bientôt épuisé\w*|meilleures? ventes?"
    r"|numéro un",
)
"""What nobody has looked up: stock and sales."""

FREE = words_of(
    r"(?<!feel )(?<!please feel )free(?! (?:to|of (?:course|obligation)))|no cost|at no charge|complimentary",
    r"gratis|kostenlos\w*|kostenfrei\w*|umsonst|portofrei|versandkostenfrei|geschenkt",
    r"gratuit\w*|offerts?|offertes?|sans frais",
)
"""Nothing is ever given away: an offer is a discount."""

DISCOUNT = words_of(
    r"discount\w*|(?:price|money|something|slot) off|price (?:cut|drop)s?|on sale|sales?|bargains?|vouchers?"
    r"|coupons?|promo(?:tion)?s?|(?:promo|discount) codes?|your code|reduced|markdown|cheap\w*|cashback",
    r"(?:special|exclusive|limited|best|great|your|this|our|an) (?:offers?|deals?)|save (?:up|on|money|slot|big)",
    r"\w*rabatte?\w*|gutschein\w*|preisnachl\w+|reduziert\w*|ermäßig\w*|sonderangebot\w*|schnäppchen\w*"
    r"|sparen sie|spar\w*preis\w*|nachlass|nachlässe|günstiger|billiger|ihr code|vergünstig\w*|dem code",
    r"remises?|rabais|réductions?|soldes?|bons? (?:d'achat|de réduction)|code promo|économis\w+|moins chers?"
    r"|le code|votre code|promotions?",
)
"""Allowed only where the slots of an offer say what is meant."""

ORDERS = words_of(
    r"(?:ignore|disregard|forget|override)\b[^.!?]{0,40}\b(?:instructions?|rules|prompts?)",
    r"(?:ignorier\w*|missacht\w*|vergiss|vergessen sie)\b[^.!?]{0,40}\b(?:anweisung\w*|regeln)",
    r"(?:ignore[zr]?|oublie[zr]?)\b[^.!?]{0,40}\b(?:instructions?|consignes|règles)",
    r"system prompt|as an ai|you are (?:an? )?(?:ai|assistant|language model)|language models?|ai assistants?",
    r"(?:chatgpt|copilot|gemini|claude|siri|alexa|llms?|chatbots?|ki-assistent\w*|sprachmodelle?)",
    r"summari[sz]e (?:this|the) (?:e-?mail|message)|mark (?:this|it|us)[^.!?]{0,30} as \w+"
    r"|add (?:us|this|our)[^.!?]{0,30}(?:contacts|address ?book|safe senders?)|whitelist",
    r"attach(?:ment|ed)s?|download|enable (?:images|macros)|password|log ?in|sign in|credit card"
    r"|(?:verify|confirm) your (?:account|identity|details|address)|social security",
    r"anhang|herunterladen|passwort|kennwort|kreditkarte\w*|(?:bestätigen|prüfen) sie ihr\w* (?:konto|daten)"
    r"|adressbuch",
    r"pièce jointe|télécharge\w*|mot de passe|carte (?:bancaire|bleue)|carnet d'adresses"
    r"|(?:confirmez|vérifiez) (?:votre|vos) (?:compte|identité|données)",
)
"""Orders to assistants and mail programs, and what phishing asks for."""
