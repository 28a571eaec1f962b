"""The words that everything is generated of. Each list is split once: what is held out is never seen in training."""

import zlib
from random import Random

CITIES = """Amsterdam Antwerp Athens Auckland Austin Baku Bangkok Barcelona Basel Beirut Belfast Belgrade Bergen Berlin Bern
Bilbao Bogota Bologna Bordeaux Boston Bratislava Bremen Brighton Brisbane Bristol Brno Brussels Bucharest Budapest Cairo Calgary
Cambridge Cardiff Chicago Cologne Copenhagen Cork Dallas Delhi Denver Detroit Dresden Dublin Dundee Durban Edinburgh Essen Exeter
Florence Frankfurt Galway Geneva Genoa Ghent Glasgow Gothenburg Graz Hamburg Hanoi Hanover Havana Helsinki Houston Istanbul Jakarta
Kathmandu Kiel Kingston Krakow Kyoto Lagos Lausanne Leeds Leicester Leipzig Lille Lima Limerick Linz Lisbon Liverpool Ljubljana
London Lucerne Lyon Madrid Malaga Malmo Manchester Manila Marseille Melbourne Memphis Miami Milan Minsk Montreal Moscow Mumbai Munich
Nairobi Nantes Naples Nashville Nice Norwich Odessa Orlando Osaka Oslo Ottawa Oxford Palermo Paris Perth Philadelphia Phoenix Pisa
Plymouth Porto Portland Prague Quito Reykjavik Riga Rome Rotterdam Salzburg Santiago Sapporo Seattle Seoul Seville Shanghai Sheffield
Singapore Sofia Stockholm Stuttgart Sydney Tallinn Tampere Tbilisi Tokyo Toronto Toulouse Trieste Tunis Turin Uppsala Utrecht Valencia
Vancouver Verona Vienna Vilnius Warsaw Wellington Winnipeg York Zagreb Zurich San_Francisco New_York Los_Angeles San_Diego Las_Vegas
New_Orleans Kansas_City Salt_Lake_City Buenos_Aires Rio_de_Janeiro Sao_Paulo Mexico_City Cape_Town Hong_Kong Kuala_Lumpur Tel_Aviv
Abu_Dhabi The_Hague St_Louis San_Jose San_Antonio El_Paso Santa_Fe Long_Beach Palo_Alto Santa_Cruz Fort_Worth Little_Rock""".split()
REGIONS = """CA NY TX WA OR NV FL IL MA CO UK France Germany Spain Italy Japan Scotland Ireland Canada Brazil Norway Ohio Utah Texas
California Portugal Poland Austria""".split()
FIRST = """Aaron Adele Ahmed Alice Amelia Amir Ana Andre Anna Anton Arthur Astrid Ben Bella Boris Bruno Carla Carlos Cecilia Chen
Clara Colin Dana Daniel David Diana Diego Dora Edgar Elena Elias Ella Emil Emma Erik Eva Farah Felix Fiona Frank Freya George Greta
Hanna Hugo Ida Igor Ines Ivan Jack James Jana Jonas Julia Kai Karim Kate Lara Laura Leo Liam Lina Louis Lucy Luis Maja Marco Maria
Martin Maya Mei Mia Milo Mohammed Nadia Nina Noah Nora Oliver Olga Omar Oscar Paul Petra Priya Quentin Rachel Raj Rita Robert Rosa
Ruth Sam Samira Sara Simon Sofia Stefan Susan Tariq Theo Thomas Tina Tom Uma Ursula Vera Victor Wendy Yara Yusuf Zoe Bob John Mary Peter
""".split()
LAST = """Adams Ahmed Andersson Baker Becker Bell Bianchi Brown Carter Chen Clark Costa Cruz Dubois Evans Fischer Garcia Gomez Gray
Green Haas Hansen Harris Hill Hoffman Ivanov Jensen Johnson Jones Kaya Keller Khan Kim King Klein Kovacs Kumar Lang Larsen Lee Lewis
Lopez Martin Meyer Miller Moore Moreau Murphy Nakamura Nguyen Novak Okafor Olsen Patel Perez Petrov Quinn Reyes Rossi Russo Sanchez
Sato Schmidt Silva Singh Smith Stone Suzuki Tanaka Taylor Thomas Torres Turner Vogel Walker Wang Weber White Williams Wilson Wolf
Wright Yamamoto Young Zhang Zimmer""".split()
NOUNS = """account address agenda album alarm alert appointment article asset auction audit badge balance ballot banner battery
benchmark bill blog board bonus book booking bookmark branch budget bug bus calendar camera campaign car card cart case catalog
channel charge chart checklist claim class client clinic clock cluster comment commit company compass complaint concert conference
contact container contract coupon course credit currency customer database deadline dataset delivery deployment deposit device diary
dictionary dinner directory discount doctor document donation door draft drone elevator employee engine episode error event exam
exchange exercise expense experiment factory fare feature fee feedback ferry file film fine flight folder forecast form fridge fuel
gallery game garden gate gift goal grade grant graph group guest guide guideline gym headline heater hotel house image incident index
ingredient insurance interview inventory invitation invoice issue item job journal journey key keyboard label lamp landmark lane laptop
lecture lesson letter level library license light link listing loan location lock log lottery lunch machine mailbox map market match
meal measurement medicine meeting member memo menu message meter milestone mission mortgage movie museum newsletter note notice
notification offer order outage oven package page painting parcel parking partner party passport password patch patient payment payroll
permit pet phone photo pipeline plan plant playlist podcast poem poll pool post prescription price printer product profile project
promotion property proposal prototype puzzle query question quiz quote radio rating receipt recipe record refund region release reminder
rental repair report repository request reservation resource restaurant review reward ride road robot room route routine rule salary
sale sample scan schedule school score screen script seat secret sensor server session shift shipment shoe shop signal singer site
skill snapshot song speaker sprint stadium station statistic stock stop store storm story stream student subscription survey table
tariff task tax taxi team template temperature tenant test theme thermostat thread ticket tide timer token tool topic tour toy track
traffic train training transaction transfer transit translation translator trip truck tutorial upload user vacation vaccine valve vehicle
vendor venue version video visa visitor volume vote voucher wallet warehouse warning warranty watch water wave weather website webhook
wheel widget window wine wish workflow workout workshop yacht zone""".split()
ADJECTIVES = """active annual archived available best big blue bright busy cheap clean cold common current custom daily dark deep
digital direct dry early easy electric empty express external fast final first flat free fresh full global golden green guest happy
heavy hidden high hot hourly internal large late latest light live local long loud low main manual mobile modern monthly narrow new
nightly old open orange outdoor past pending personal plain private public purple quick quiet rapid raw recent red regular remote
safe secure shared short silent silver simple single slow small smart smooth soft solar special spare standard static steady strong
super tall tiny total upcoming urgent used valid warm weekly white wide wild yellow yearly young""".split()
TOPICS = """the quarterly numbers|our summer plans|lunch on Friday|the broken window|running late|the new office|a surprise party|
green tea|blue running shoes|wireless headphones|healthy breakfast ideas|how to tie a knot|the history of maps|cheap flights|
garden furniture|machine learning|old jazz records|vegan restaurants|the next release|a missing parcel|happy birthday|thank you|
see you soon|call me back|please bring milk|the meeting is moved|the door code is changed|all tests are green|good luck tomorrow|
no parking here|doors open at nine|welcome to the team|the train is late|do not feed the birds|rent is due|water the plants|
winter tyres|board games for two|mountain bikes|used cameras|piano lessons|spare keys|coffee beans|dark chocolate|electric cars|
solar panels|open source tools|short stories|science podcasts|city walks|train tickets|tax forms|language courses|home insurance|
night markets|live music|street food|modern art|quiet places to read|long distance hiking|easy pasta recipes|gluten free bread|
the annual report|budget for May|a cracked screen|two factor login|the lost luggage|my phone bill|late deliveries|the fire drill|
project kickoff|design review|weekly sync|team lunch|code freeze|launch day|yoga class|dentist visit|book club|movie night""".replace(
    "\n", ""
).split("|")
SYLLABLES = """ba be bo bri bu ca cla cor da del di do dra el en fa fen fi flo ga gle go gra ha hel hi ho il is ja jo ka kel ki kra la
len li lo lum ma mel mi mo mor na nel ni no nor o or pa pel pi por qua ra rel ri ro sa sel shi so ster ta tel ti to tra ul un va ver vi
vo wa wen wi xa ya yo za zel zi""".split()
CODAS = "ck d ford g gow ham k l land ld m mouth n ne ng nt r rd rk rt s sk st ston t tch ton ville x y burg dale by field stad".split()
MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
DOMAINS = "example.com mail.org post.net acme.io school.edu firm.de shop.co inbox.dev".split()


def held_out(word: str, every: int = 8) -> bool:
    """Whether a word is kept for the evaluation; the same each time."""
    return zlib.crc32(word.encode()) % every == 0


class Words:
    """The words of one side of the split, drawn by one source of chance."""

    def __init__(self, random: Random, *, evaluation: bool) -> None:
        def side(words: list[str]) -> list[str]:
            return [word.replace("_", " ") for word in words if held_out(word) == evaluation]

        self.random, self.evaluation = random, evaluation
        self.cities, self.first, self.last, self.topics = side(CITIES), side(FIRST), side(LAST), side(TOPICS)
        self.nouns = side(NOUNS)
        # Adjectives tell neither tools nor names apart alone, so both sides may use all of them.
        self.adjectives = ADJECTIVES

    def some(self, words: list[str] | tuple[str, ...]) -> str:
        return self.random.choice(words)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def invented(self) -> str:
        """A random, made-up word."""
        return "".join(self.some(SYLLABLES) for _ in range(self.random.randint(1, 3))) + self.some(CODAS)

    def name(self) -> str:
        return self.invented().capitalize()

    def noun(self) -> str:
        # Invented ones are few: they have no meaning to learn, but matching them is a skill.
        return self.invented() if self.chance(0.12) else self.some(self.nouns)

    def city(self) -> str:
        city = self.some(self.cities) if self.chance(0.55) else self.name()
        if self.chance(0.08):
            city = f"{self.some(['New', 'Port', 'North', 'Saint', 'East', 'Lake', 'San', 'Upper'])} {self.name()}"
        if self.chance(0.07):
            city = f"{city}, {self.some(REGIONS)}"
        return city.lower() if self.chance(0.06) else city

    def person(self) -> str:
        first = self.some(self.first) if self.chance(0.7) else self.name()
        if self.chance(0.5):
            return first
        return f"{first} {self.some(self.last) if self.chance(0.6) else self.name()}"

    def topic(self) -> str:
        if self.chance(0.5):
            return self.some(self.topics)
        parts = [self.some(self.adjectives), self.some(self.nouns) if self.chance(0.5) else self.invented()]
        if self.chance(0.4):
            parts.insert(1, self.some(self.adjectives))
        return " ".join(parts)

    def email(self) -> str:
        user = self.some(self.first).lower() if self.chance(0.6) else self.invented()
        if self.chance(0.4):
            user += self.some([".", "_", ""]) + (
                self.some(self.last).lower() if self.chance(0.5) else str(self.random.randint(1, 99))
            )
        return f"{user}@{self.some(DOMAINS) if self.chance(0.6) else self.invented() + '.com'}"

    def code(self) -> str:
        digits = "".join(self.some("0123456789") for _ in range(self.random.randint(2, 6)))
        letters = "".join(self.some("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(self.random.randint(1, 3)))
        return self.some([digits, letters + digits, f"{letters}-{digits}", f"{digits}{letters}", f"#{digits}"])

    def date(self) -> str:
        random, month, day = self.random, self.random.randint(1, 12), self.random.randint(1, 28)
        return self.some(
            [
                f"{random.randint(2023, 2029)}-{month:02}-{day:02}",
                f"{MONTHS[month - 1]} {day}",
                f"{day} {MONTHS[month - 1]}",
                f"{MONTHS[month - 1]} {day}, {random.randint(2023, 2029)}",
                "tomorrow",
                "today",
                self.some(DAYS),
                f"next {self.some(DAYS)}",
            ]
        )

    def time(self) -> str:
        random = self.random
        return self.some(
            [
                f"{random.randint(0, 23):02}:{self.some(['00', '15', '30', '45', '10'])}",
                f"{random.randint(1, 12)}{self.some(['am', 'pm'])}",
                f"{random.randint(1, 12)} {self.some(['am', 'pm'])}",
                "noon",
            ]
        )


def plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")
