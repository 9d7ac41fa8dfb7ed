"""The bank of phrases of the fake Claude: no digits, no links, nothing urgent, nothing promised."""

from __future__ import annotations

LANGUAGES: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "subject": (
            "A few things we think you will like",
            "Picked with you in mind",
            "Good to have you with us",
            "A short note from our shop",
            "Something new, something familiar",
            "We thought of you today",
        ),
        "preheader": (
            "A small selection, made for the way you shop with us.",
            "Take a look when you have a quiet minute.",
            "A few ideas for your next visit.",
            "What goes well with what you already have.",
        ),
        "heading": (
            "Chosen for you",
            "Good to see you again",
            "A little something to look at",
            "Hello from all of us",
        ),
        "button": ("Have a look", "See the selection", "Visit the shop", "Show me more"),
        "greeting": ("Hello {{ first_name }},",),
        "body": (
            (
                "We put a small selection together that goes well with what you liked before. Have a "
                "look when it suits you, and write back if you have a question."
            ),
            (
                "Our shelves have changed a little since your last visit. Here are a few pieces that we "
                "would show you if you came by."
            ),
            (
                "Thank you for shopping with us. Here are a few ideas for what could come next, picked "
                "with care."
            ),
            (
                "Those who know what they like often want to see what goes with it. That is what this "
                "note is for: a calm look at what fits."
            ),
        ),
        "product": ("We would start with {slot}.", "Have a look at {slot}, which we like a lot."),
        "offer": (
            "With the code {{ offer_code }} we take {{ offer_value }} off your next order.",
            "There is something in it for you: {{ offer_value }} off with the code {{ offer_code }}.",
        ),
        "ends": ("It is valid until {{ offer_ends }}.",),
        "reason": (
            "The customer has bought at a steady pace and is due for a note.",
            "Recent visits show an interest in what this campaign offers.",
            "A good suggestion is enough here.",
            "The last mails were read without a complaint.",
            "The customer belongs to a segment that answers well to this tone.",
            "What is known of the customer fits the purpose of this campaign.",
        ),
        "text": (
            "This fits what is known of the customer.",
            "A calm and friendly note serves this group best.",
            "The choice follows the rules of the shop.",
            "It is worth a try and easy to take back.",
        ),
    },
    "de": {
        "subject": (
            "Ein paar Dinge, die zu Ihnen passen",
            "Für Sie ausgesucht",
            "Schön, dass Sie bei uns sind",
            "Ein kurzer Gruß aus unserem Laden",
        ),
        "preheader": (
            "Eine kleine Auswahl, so wie Sie gern bei uns kaufen.",
            "Schauen Sie herein, wenn es gerade passt.",
            "Was gut zu dem passt, was Sie schon haben.",
        ),
        "heading": ("Für Sie ausgesucht", "Schön, Sie wiederzusehen", "Ein Gruß von uns allen"),
        "button": ("Zur Auswahl", "Jetzt ansehen", "Zum Laden"),
        "greeting": ("Hallo {{ first_name }},",),
        "body": (
            (
                "wir haben eine kleine Auswahl für Sie gemacht, die gut zu dem passt, was Sie mögen. "
                "Schauen Sie herein, wenn es passt, und schreiben Sie uns, wenn Sie Fragen haben."
            ),
            (
                "bei uns hat sich ein wenig getan, seit Sie hier waren. Hier sind ein paar Stücke, die "
                "wir Ihnen gern zeigen."
            ),
        ),
        "product": ("Wir beginnen gern mit {slot}.", "Schauen Sie sich {slot} in Ruhe an."),
        "offer": (
            "Mit dem Code {{ offer_code }} sparen Sie {{ offer_value }} beim nächsten Kauf.",
        ),
        "ends": ("Er gilt bis {{ offer_ends }}.",),
    },
    "fr": {
        "subject": (
            "Quelques idées qui vous iront bien",
            "Choisi en pensant à vous",
            "Un petit mot de notre boutique",
        ),
        "preheader": (
            "Une petite sélection, faite pour vous.",
            "Venez voir quand vous avez un moment.",
        ),
        "heading": ("Choisi pour vous", "Ravis de vous revoir", "Un bonjour de nous tous"),
        "button": ("Voir la sélection", "Aller à la boutique"),
        "greeting": ("Bonjour {{ first_name }},",),
        "body": (
            (
                "nous avons fait un petit choix qui va bien avec ce que vous aimez. Venez voir quand "
                "vous voulez, et écrivez-nous si vous avez une question."
            ),
            (
                "la boutique a un peu changé depuis votre visite. Voici des pièces que nous aimons et "
                "que nous voulons vous montrer."
            ),
        ),
        "product": ("Nous aimons beaucoup {slot}.",),
        "offer": (
            "Avec le code {{ offer_code }}, la remise est de {{ offer_value }} sur votre commande.",
        ),
        "ends": ("Il est valable jusqu'au {{ offer_ends }}.",),
    },
}
"""language -> kind of field -> phrases; what a language has not is taken from English."""
