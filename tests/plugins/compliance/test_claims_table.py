"""Mails as shops write them, honest and not: what the gate says of each, and how often it is wrong.

The offer of every row is that of `OFFER`, unless it says `none`; it is Tuesday, 24 November 2026, ten in the morning
in Berlin, and the offer ends with Monday, 30 November. The catalogue holds Alder Shirt at 49.00 EUR.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from plugins.compliance import claims
from plugins.compliance.facts import Facts, Product

NOW = datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Europe/Berlin"))
OFFER = {"offer_code": "OAK-7KQ2MXWPD4RTG", "offer_value": "15 %", "offer_ends": "30 November 2026"}
NONE = {"offer_code": "", "offer_value": "", "offer_ends": ""}
ALDER = Product("Alder Shirt", frozenset([Decimal("49.00")]), "EUR", "on sale")
FACTS = Facts(NOW, "EUR", {"alder shirt": ALDER})

# (subject, body, whether there is an offer)
HONEST = [
    ("15% off until 30 November", "Take 15 % off with your code until 30 November.", True),
    ("15 Prozent nur bis 30.11.", "Mit dem Code sparen Sie 15 %, gültig bis 30.11.2026.", True),
    ("-15 % jusqu'au 30 novembre", "Profitez de 15 % de remise jusqu'au lundi 30 novembre.", True),
    ("Last chance: 15 % until Monday", "It ends on Monday, November 30th.", True),
    ("Letzte Chance: 15 % bis Montag", "Der Code gilt bis Montag, den 30. November 2026.", True),
    ("Dernière chance : -15 %", "Votre code est valable jusqu'à lundi.", True),
    ("Ends 2026-11-30", "Your discount ends 2026-11-30.", True),
    ("Your 15 % ends in 6 days", "Six days for fifteen percent: use your code by Monday.", True),
    ("Noch 6 Tage 15 %", "Nur noch 6 Tage: 15 % auf alles mit Ihrem Code.", True),
    ("Plus que 6 jours", "Il reste 15 % de remise, valable jusqu'au 30/11/2026.", True),
    ("Save fifteen percent", "Fünfzehn Prozent sparen Sie mit dem Code.", True),
    ("Bis Monatsende 15 %", "Das Angebot gilt bis Ende des Monats.", True),
    ("15 % off, until 11/30", "Redeem your code before the end of November.", True),
    ("15 % for {{ first_name }}", "It is valid until slot.", True),
    ("New coats for winter", "They came in this morning. Have a look around.", False),
    ("Neue Mäntel sind da", "Heute eingetroffen: Mäntel aus 100 % Wolle.", False),
    ("Les manteaux sont arrivés", "Composition : 70 % laine, 30 % soie.", False),
    ("72 % cocoa, 100 % taste", "Our darkest bar has 72 % cocoa and 3,5 % fat.", False),
    ("Closed until 2 January", "Our shop is closed until Saturday 2 January.", False),
    ("Betriebsferien bis 6. Januar", "Wir sind bis 6. Januar im Urlaub.", False),
    ("Fermé jusqu'à lundi", "La boutique est fermée jusqu'au lundi 4 janvier.", False),
    ("In time for Christmas", "Order by 18 December for delivery before Christmas Eve.", False),
    ("Pünktlich zum Fest", "Bestellen Sie bis 18.12., dann liefern wir rechtzeitig.", False),
    ("Livré avant Noël", "Commandez avant le 18 décembre : livraison avant Noël.", False),
    ("Returns until 31 January", "You may return gifts until 31 January.", False),
    ("Umtausch bis 31. Januar", "Umtausch bis 31.01. ohne Wenn und Aber.", False),
    ("Retours jusqu'au 31 janvier", "Retournez vos cadeaux jusqu'au 31 janvier.", False),
    ("Open Monday until Friday", "Mo: 9 bis 18 Uhr. Montag bis Freitag von 9 bis 18 Uhr.", False),
    ("The exhibition runs until 6 December", "The exhibition ends on Sunday.", False),
    ("Workshop am Samstag", "Anmeldung zum Workshop bis Freitag, 27.11., per Telefon.", False),
    ("Alder Shirt", "The Alder Shirt is back, for 49 €.", False),
    ("Alder Shirt: 49,00 EUR", "Das Alder Shirt für 49,00 € ist wieder da.", False),
    ("A recipe for Sunday", "The dough rests for 48 hours before Sunday dinner.", False),
    ("The last days of summer", "Die letzten Tage waren kalt. Time for a hot tea.", False),
    ("How the coat is made", "It takes three weeks and 40 hours of sewing by hand.", False),
    ("Feel free to write", "Write to us until late, we answer within 2 days.", False),
    ("98 % of our customers", "98 % of our customers would buy again.", False),
    ("1.5 kg of good coffee", "Founded in 1987, roasted on 24 November.", False),
    ("Sugar-free since 2019", "Our bars are sugar-free. Try one before breakfast.", False),
    ("Sizes 36 to 48", "In sizes S M L XL, made for 30 days of wear.", False),
    ("Our new spring range", "From 3 colours to 12: look at what came in.", False),
    ("Sofort lieferbar: die neue Teekanne", "Wieder auf Lager, sofort lieferbar.", False),
    ("Wir sind ab Montag wieder da", "Nach dem Urlaub öffnen wir am Montag um 9 Uhr.", False),
    ("Bonne année à tous", "Nous serons de retour le lundi 4 janvier à 10 h.", False),
    ("Ein Dankeschön: 15 % für Sie", "Ihr Code gilt bis einschließlich Montag, 30. November 2026.", True),
    ("Merci ! 15 % pour vous", "Votre code est valable jusqu'au 30 novembre 2026 inclus.", True),
    ("Thanks for your first order", "Here is 15 % off your next one. The code runs out on Monday 30 November.", True),
    ("You left something behind", "Your cart is kept for 7 days.", False),
    ("What we are reading right now", "Three books for long nights.", False),
    ("Ihr Paket ist unterwegs", "Lieferung voraussichtlich bis Freitag, 27. November.", False),
    ("Votre commande", "Livraison prévue avant le 27 novembre.", False),
    ("Meet us at the Christmas market", "We are there until 23 December, every day from 11 am to 9 pm.", False),
    ("Besuchen Sie uns auf dem Weihnachtsmarkt", "Bis 23. Dezember, täglich von 11 bis 21 Uhr.", False),
    ("Cashmere care in five steps", "Wash at 30 degrees, made of 95 % cashmere, 5 % elastane.", False),
    ("Ending the year together", "Thank you for 2026. See you in January.", False),
    ("It's the weekend", "Slow mornings, good coffee. New beans every two weeks.", False),
    ("Coffee, two weeks old at most", "We roast on Tuesday and ship before Friday.", False),
    ("Montags um 8", "Der Newsletter kommt immer bis Montag früh.", False),
    ("Subscribe and save 15 %", "Your code OAK works until the end of the month.", True),
    ("Only 6 days left: 15 % off", "", True),
    ("15 % – nur noch bis Montag", "Nur noch bis Montag sparen Sie mit Ihrem Code.", True),
    ("Plus que 6 jours pour en profiter", "15 % avec votre code, jusqu'au 30.11.", True),
    ("Handmade since 1987", "Every bag takes 3 days and two people.", False),
    ("30 Tage Rückgabe", "Sie haben 30 Tage Zeit, gratis zurückzusenden.", False),
    ("100 % Bio-Baumwolle", "Aus 100 % Bio-Baumwolle, 180 g/m².", False),
    ("Neu: Alder Shirt für 49 €", "Das Alder Shirt gibt es in drei Farben.", False),
    ("Le Alder Shirt à 49 €", "Le Alder Shirt est arrivé, 49,00 €.", False),
    ("Good things take time", "Our next batch is ready by Friday.", False),
]  # fmt: skip
FALSE = [
    ("20% off until 30 November", "", True),
    ("15% off until 1 December", "", True),
    ("15 Prozent nur bis 29.11.", "", True),
    ("-15 % jusqu'au 29 novembre", "", True),
    ("News", "Take 15 % off with your code until 29 November.", True),
    ("News", "Mit dem Code sparen Sie 15 %, gültig bis 01.12.2026.", True),
    ("News", "Profitez de 15 % de remise jusqu'au mardi 1er décembre.", True),
    ("News", "Your discount ends 2026-12-24.", True),
    ("Last chance: ends tonight", "", True),
    ("Nur heute: 15 %", "", True),
    ("Se termine ce soir", "", True),
    ("48 hours only", "", True),
    ("Nur noch 2 Tage", "", True),
    ("Plus que 48 heures", "", True),
    ("15 % until Sunday", "", True),
    ("News", "Fifteen percent off, only until Sunday.", True),
    ("News", "Hier sind Ihre 15 %. Nur bis Sonntag!", True),
    ("News", "Voici votre remise de 15 %. Jusqu'à dimanche seulement.", True),
    ("Ends in 3 days", "", True),
    ("Until 31 November", "", True),
    ("Last chance", "", False),
    ("Letzte Gelegenheit", "", False),
    ("Dernières heures", "", False),
    ("Until 30 November", "", False),
    ("Nur bis 30.11.", "", False),
    ("Jusqu'au 30 novembre", "", False),
    ("News", "This is your last chance.", False),
    ("Neues", "Das Angebot endet heute um Mitternacht.", False),
    ("Actualités", "L'offre se termine ce soir.", False),
    ("News", "Our sale: everything reduced until Sunday.", False),
    ("News", "Alles reduziert. Nur bis Sonntag.", False),
    ("News", "Les soldes, jusqu'à dimanche.", False),
    ("News", "Save 20 % with your code.", True),
    ("News", "Twenty percent off with your code.", True),
    ("News", "Zwanzig Prozent auf alles.", True),
    ("News", "Vingt pour cent de remise.", True),
    ("News", "Everything at half price.", True),
    ("News", "Alles zum halben Preis.", True),
    ("News", "Tout à moitié prix.", True),
    ("15 € off", "", True),
    ("News", "Sie sparen 15 Euro.", True),
    ("News", "100 % off everything.", True),
    ("News", "Save 30 % on cotton shirts.", False),
    ("Alder Shirt for 39 €", "", False),
    ("News", "Das Alder Shirt für nur 39,00 €.", False),
    ("News", "The Birch Coat for 49 €.", False),
    ("News", "The Alder Shirt for $49.", False),
    ("Free gift inside", "", True),
    ("News", "Use the code SUMMER25 at the till.", True),
    ("News", "48 hours left to use your code.", True),
    ("Nur noch heute 15 % sparen", "", True),
    ("Ending tomorrow: your 15 %", "", True),
    ("Plus que 24 heures !", "", True),
    ("Black Friday endet Sonntag", "", True),
    ("Sale ends Sunday", "", False),
    ("Hello", "Hurry, the offer expires on Friday.", True),
    ("Bonjour", "Dépêchez-vous, l'offre expire vendredi.", True),
    ("Hallo", "Beeilen Sie sich: Das Angebot läuft am Freitag ab.", True),
    ("Hello", "Your 15 % code is valid until 15 December 2026.", True),
    ("Hallo", "Ihr Gutschein gilt noch bis zum 15. Dezember.", True),
    ("Bonjour", "Ce code est valable jusqu'au 15 décembre.", True),
    ("Your code expires in 2 days", "", True),
    ("Two days left", "", True),
    ("Zwei Tage noch: 15 %", "", True),
    ("Encore 2 jours de remise", "", True),
    ("25% rabatt", "", True),
    ("Hello", "Take an extra 5 % with your code.", True),
    ("Hello", "Save up to €100.", True),
    ("Bis Mittwoch: 15 %", "", True),
    ("Offer closes at midnight", "", True),
    ("Hello", "The sale closes this weekend.", False),
    ("Hi", "Your discount will be gone on Wednesday.", True),
    ("Ends 30 Nov 2025", "", True),
    ("Hallo", "Am Sonntag ist Schluss mit den 15 %.", True),
    ("Hello", "Today is the last day of the sale.", True),
    ("15 % : derniers jours", "Votre remise expire dans 2 jours.", True),
]  # fmt: skip


def held(subject: str, body: str, offered: bool) -> list[str]:
    slots = {**(OFFER if offered else NONE), "postal_address": "Weg 20, 10115 Berlin 1. Dezember"}
    found = [*claims.in_subject(subject), *claims.in_body(body)]
    return [claim.said for claim in found if not claims.backed(claim, slots, FACTS)]


@pytest.mark.parametrize(("subject", "body", "offered"), HONEST)
def test_honest_mails_go_out(subject: str, body: str, offered: bool) -> None:
    assert held(subject, body, offered) == []


@pytest.mark.parametrize(("subject", "body", "offered"), FALSE)
def test_false_claims_are_held(subject: str, body: str, offered: bool) -> None:
    """UCPD Art. 6(1)(d), Annex I no. 7; Washington CEMA, RCW 19.190.020."""
    assert held(subject, body, offered)
    true = {"15 %", "15 prozent", "fifteen percent", "15%"}
    assert not set(held(subject, body, offered)) & (true if offered else set())


def test_the_table_is_large_and_has_both_kinds() -> None:
    assert len(HONEST) >= 65 and len(FALSE) >= 75
