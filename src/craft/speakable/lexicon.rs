//! What short forms stand for.

/// Abbreviations without their last full stop, in lower case, and how they are read.
const ABBREVIATIONS: [(&str, &str); 36] = [
    ("dr", "Doctor"),
    ("mr", "Mister"),
    ("mrs", "Missus"),
    ("ms", "Miss"),
    ("prof", "Professor"),
    ("st", "Saint"),
    ("mt", "Mount"),
    ("sgt", "Sergeant"),
    ("lt", "Lieutenant"),
    ("col", "Colonel"),
    ("gen", "General"),
    ("capt", "Captain"),
    ("cmdr", "Commander"),
    ("rev", "Reverend"),
    ("gov", "Governor"),
    ("sen", "Senator"),
    ("jr", "Junior"),
    ("sr", "Senior"),
    ("ltd", "Limited"),
    ("inc", "Incorporated"),
    ("co", "Company"),
    ("vs", "versus"),
    ("etc", "et cetera"),
    ("e.g", "for example"),
    ("i.e", "that is"),
    ("approx", "approximately"),
    ("ca", "about"),
    ("no", "number"),
    ("vol", "volume"),
    ("fig", "figure"),
    ("ph.d", "P H D"),
    ("a.m", "A M"),
    ("p.m", "P M"),
    ("u.s", "U S"),
    ("u.k", "U K"),
    ("u.n", "U N"),
];

/// Written in capitals and read letter by letter, although they could be read as words.
const SPELLED: [&str; 18] = [
    "US", "USA", "UK", "UN", "EU", "USSR", "AI", "ISS", "IBM", "MIT", "UV", "AC", "DIY", "ATP",
    "ICBM", "LED", "CEO", "ESO",
];

/// A unit after a number: how it is written, one of it, several of it.
const UNITS: [(&str, &str, &str); 48] = [
    ("km", "kilometre", "kilometres"),
    ("m", "metre", "metres"),
    ("cm", "centimetre", "centimetres"),
    ("mm", "millimetre", "millimetres"),
    ("um", "micrometre", "micrometres"),
    ("nm", "nanometre", "nanometres"),
    ("m2", "square metre", "square metres"),
    ("km2", "square kilometre", "square kilometres"),
    ("m3", "cubic metre", "cubic metres"),
    ("cm3", "cubic centimetre", "cubic centimetres"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("t", "tonne", "tonnes"),
    ("l", "litre", "litres"),
    ("L", "litre", "litres"),
    ("ml", "millilitre", "millilitres"),
    ("mL", "millilitre", "millilitres"),
    ("s", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("min", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("km/h", "kilometre per hour", "kilometres per hour"),
    ("km/s", "kilometre per second", "kilometres per second"),
    ("m/s", "metre per second", "metres per second"),
    ("mph", "mile per hour", "miles per hour"),
    ("g/l", "gram per litre", "grams per litre"),
    ("ft", "foot", "feet"),
    ("in", "inch", "inches"),
    ("mi", "mile", "miles"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("C", "degree Celsius", "degrees Celsius"),
    ("F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("K", "kelvin", "kelvins"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("V", "volt", "volts"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("kPa", "kilopascal", "kilopascals"),
    ("psi", "pound per square inch", "pounds per square inch"),
    ("kcal", "kilocalorie", "kilocalories"),
    ("kN", "kilonewton", "kilonewtons"),
];

/// Currency marks before (or codes around) an amount: one, several, the hundredth part.
const CURRENCIES: [(&str, &str, &str, &str); 4] = [
    ("$", "dollar", "dollars", "cents"),
    ("EUR", "euro", "euros", "cents"),
    ("GBP", "pound", "pounds", "pence"),
    ("JPY", "yen", "yen", "sen"),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names that take a number of their own as "the fourteenth".
const REGNAL: [&str; 18] = [
    "Louis",
    "Henry",
    "Charles",
    "George",
    "Edward",
    "Elizabeth",
    "William",
    "James",
    "Richard",
    "Pius",
    "Paul",
    "John",
    "Napoleon",
    "Nicholas",
    "Alexander",
    "Catherine",
    "Frederick",
    "Benedict",
];

pub(super) fn abbreviation(stem: &str) -> Option<&'static str> {
    let stem = stem.to_lowercase();
    ABBREVIATIONS.iter().find(|(short, _)| *short == stem).map(|(_, words)| *words)
}

pub(super) fn is_spelled(capitals: &str) -> bool {
    SPELLED.contains(&capitals)
}

/// The words of a unit; `one` chooses between its two forms.
pub(super) fn unit(written: &str, one: bool) -> Option<&'static str> {
    let (_, single, several) = UNITS.iter().find(|(short, _, _)| *short == written)?;
    Some(if one { single } else { several })
}

/// The currency that `amount` begins with, as one, several and hundredths, and the rest.
pub(super) fn currency(amount: &str) -> Option<(&'static str, &'static str, &'static str, &str)> {
    CURRENCIES.iter().find_map(|(mark, one, several, hundredths)| {
        amount.strip_prefix(mark).map(|rest| (*one, *several, *hundredths, rest))
    })
}

pub(super) fn is_month(word: &str) -> bool {
    MONTHS.contains(&word)
}

pub(super) fn is_regnal(name: &str) -> bool {
    REGNAL.contains(&name)
}
