"""Words that filters and readers take for spam, in English, German and French; searched in lower case."""

from __future__ import annotations

import re


def words_of(*patterns: str) -> re.Pattern[str]:
    """A pattern that finds any of these where words begin and end."""
    return re.compile("|".join(rf"(?<!\w)(?:{one})(?!\w)" for one in patterns))


SPAM = words_of(
    r"click here|buy now|order now|guarantee[ds]?|risk[ -]free|no obligation|no strings|winner|you(?:'ve| have) won",
    r"congratulations|once in a lifetime|miracle|cash|earn money|make money|jackpot|lottery|casino|prize"
    r"|not spam|dear (?:friend|customer)|viagra|amazing|incredible|unbelievable|lowest price|best price",
    r"klicken sie hier|hier klicken|jetzt kaufen|garantiert\w*|garantie|gewonnen|gewinnspiel\w*|glückwunsch"
    r"|kein spam|unglaublich\w*|wahnsinn|bester preis|tiefstpreis\w*|geld verdienen",
    r"cliquez ici|achetez maintenant|garanti\w*|gagn(?:é|ez|ant)\w*|félicitations|pas un spam|incroyable\w*"
    r"|meilleur prix|gagner de l'argent",
)
"""What mail filters and readers take for spam."""
