"""Every rule of the gate by name: what the law asks, what is checked, and what is a choice of ours."""

from __future__ import annotations

from typing import Literal

from kernel.sdk import Frozen


class Rule(Frozen):
    """One rule. Its verdicts and the ledger name it `compliance.<name>`."""

    name: str
    law: str
    asks: str
    """What the law asks."""
    checks: str
    """What we check."""
    stage: Literal["both", "hand-over", "campaign"] = "hand-over"
    effect: Literal["stops", "warns"] = "stops"
    choice: str = ""
    """What is a choice of ours or of the merchant's, and not the law's."""


CAN_SPAM = "CAN-SPAM, 15 USC 7704"
# fmt: off
RULES = (
    Rule(name="no_address", law="none", stage="both", asks="Nothing.", checks="The customer has an e-mail address."),
    Rule(name="bad_address", law="none", stage="both", asks="Nothing.",
         checks="The address is exactly one, without line breaks, lists or comments."),
    Rule(name="suppression", law="GDPR Art. 21(3); CAN-SPAM, 15 USC 7704(a)(4); CASL s. 11; Spam Act 2003 s. 16", stage="both",
         asks="Who objected, complained or was erased gets no more mail.",
         checks="The address is not on the suppression list.",
         choice="Bounces and complaints stay on the list until somebody takes them off; a later consent with evidence ends the rest."),
    Rule(name="topic", law="GDPR Art. 21(2)", stage="both", asks="An objection may be to one kind of mail.",
         checks="The customer did not leave this topic alone."),
    Rule(name="consent", law="ePrivacy Art. 13; GDPR Art. 6, 7; PECR reg. 22; CASL s. 6; Spam Act 2003 s. 16; UWG (CH) Art. 3(1)(o)", stage="both",
         asks="Marketing mail needs a consent, or what the law takes for one.",
         checks="Consent is `subscribed`, or the merchant chose the soft opt-in and the customer bought recently enough. Mail that was asked for needs none.",
         choice="The United States ask for no prior consent; we do. The soft opt-in is off unless chosen."),
    Rule(name="fresh", law="UWG (DE) s. 7", stage="both", asks="Whoever signed up must be who owns the address.",
         checks="A sign-up that may still have to be confirmed is an hour old; until then its mail waits.",
         choice="Only with `double_opt_in_from`, and in the countries of `double_opt_in`."),
    Rule(name="evidence", law="GDPR Art. 7(1); CASL s. 13", stage="both", asks="The sender must be able to show that consent was given.",
         checks="When and where it was given is on record, outside of `lenient_countries`.",
         choice="`lenient_countries`, by default the United States."),
    Rule(name="wording", law="GDPR Art. 7(1)", stage="both", asks="Consent is to something: to certain words.",
         checks="Which words the customer agreed to is on record.",
         choice="Only with `require_wording`; otherwise a warning on the campaign."),
    Rule(name="implied", law="CASL s. 10(10)(e)", stage="both", asks="In Canada an inquiry counts for six months.",
         checks="A consent that was only an inquiry is not older, at the time of sending."),
    Rule(name="postal_address", law=f"{CAN_SPAM}(a)(5)(A)(iii); CASL s. 6(2); Spam Act 2003 s. 17", stage="both",
         asks="Every mail shows a valid postal address.", checks="The shop has one, and it stands in HTML and text."),
    Rule(name="rendered", law="none", asks="Nothing.", checks="There is a finished mail to look at."),
    Rule(name="list_unsubscribe", law="RFC 8058 and 2369, asked by Gmail and Yahoo",
         asks="One-click unsubscribing in the headers.",
         checks="`List-Unsubscribe` holds exactly one safe link of ours whose token is this message's; `List-Unsubscribe-Post` is right."),
    Rule(name="visible_link", law=f"{CAN_SPAM}(a)(3), (5); GDPR Art. 7(3); CASL s. 11",
         asks="A clear way to stop the mails, as easy as it was to start them.",
         checks="The same link stands in the HTML, with words that can be seen, and in the text."),
    Rule(name="text_part", law=f"{CAN_SPAM}(a)(5)", asks="The opt-out can be read by everybody.", checks="There is a text part."),
    Rule(name="size", law=f"{CAN_SPAM}(a)(5)", asks="The opt-out can be seen.", checks="The HTML has at most 102 KB, beyond which Gmail cuts it."),
    Rule(name="tracking", law="ePrivacy Art. 5(3); CNIL 12 March 2026; Garante 284/2026",
         asks="An open pixel needs a consent of its own.", checks="No pixel, unless the customer agreed to be tracked.",
         choice="In the United States and Australia only a refusal counts."),
    Rule(name="subject", law="Washington CEMA, RCW 19.190.020; CAN-SPAM, 15 USC 7704(a)(2)",
         asks="No false or misleading subject line.",
         checks="Not empty, no `Re:` or `Fwd:`. Percentages, prices, codes, urgency, ends and free things (English, German, French) agree with the offer: "
                "`offer_value`, `offer_ends`, `offer_code`."),
    Rule(name="claims", law="UCPD Art. 6(1)(d); UWG (DE) s. 5; FTC Act s. 5",
         asks="No price or advantage that does not exist.",
         checks="Percentages and codes stand in a slot; a price does, or is that of the product beside it; ends in words are the offer's in the shop's time zone; "
                "links lead to us, to the shop or stand in a slot.",
         choice="`100 %`, and `72 % cocoa`, without a word such as off is taken for a material."),
    Rule(name="last_chance", law="UCPD Annex I no. 7; UWG (DE) Annex no. 7; FTC Act s. 5",
         asks="Nobody says falsely that an offer is to be had only for a short time.",
         checks="A mail that says its offer is about to end is held where the same code, or an offer of the same size to the same customer, was announced so before "
                "and now ends later.",
         choice="`extended_days`: how long after the first end a new offer of the same size is still the same."),
    Rule(name="promotion", law="CAN-SPAM, 16 CFR 316.3", asks="Mail that was asked for is exempt only while it does not advertise.",
         checks="A transactional mail holds no offer and no words of promotion."),
    Rule(name="sensitive", law="GDPR Art. 9; UCPD Annex I no. 28",
         asks="Nothing inferred about health, religion or politics; no exhortation of children to buy.",
         checks="The words do not speak of it (short lists in English, German, French): for a person to look at.",
         choice="`sensitive_topics`: what a person has looked at and allows."),
    Rule(name="advertisement", law=f"{CAN_SPAM}(a)(5)(A)(i)", stage="campaign", effect="warns",
         asks="Without affirmative consent, a mail says that it is an advertisement.",
         checks="How many of a campaign's customers in the United States never subscribed."),
    Rule(name="no_reply", law="Spam Act 2003 s. 17; CASL s. 6(2)(b)", stage="campaign", effect="warns",
         asks="The sender can be reached.", checks="Neither sender nor reply address is a no-reply one.",
         choice="The postal address is enough for the laws; customers reply all the same."),
    Rule(name="late", law=f"{CAN_SPAM}(a)(4): 10 business days; Spam Act 2003: 5; CASL: 10; GDPR Art. 12(3)", stage="campaign", effect="warns",
         asks="An opt-out is honoured in time.",
         checks="Mails accepted between an opt-out and our hearing of it, where that took more than an hour."),
)
# fmt: on
