//! What short forms stand for.

/// Abbreviations without their last full stop, in lower case, and how they are read.
const ABBREVIATIONS: [(&str, &str); 50] = [
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
    ("a.k.a", "also known as"),
    ("b.c", "B C"),
    ("a.d", "A D"),
    ("dept", "department"),
    ("univ", "university"),
    ("ave", "Avenue"),
    ("blvd", "Boulevard"),
    ("pp", "pages"),
    ("cf", "compare"),
    ("hon", "Honourable"),
    ("max", "maximum"),
    ("viz", "namely"),
    ("u.s.a", "U S A"),
    ("e.u", "E U"),
];

/// Written in capitals and read letter by letter, although they could be read as words.
const SPELLED: [&str; 49] = [
    "US", "USA", "UK", "UN", "EU", "USSR", "AI", "ISS", "IBM", "MIT", "UV", "AC", "DIY", "ATP",
    "ICBM", "LED", "CEO", "ESO", "DNA", "RNA", "MRI", "CPU", "GPU", "API", "URL", "UTC", "USB",
    "FAQ", "IP", "UFO", "EVA", "IQ", "AM", "PM", "ATM", "EPA", "FBI", "CIA", "GMO", "OS", "AD",
    "CE", "BCE", "EEG", "UAE", "URI", "SUV", "EV", "VIP",
];

/// A unit after a number: how it is written, one of it, several of it.
const UNITS: [(&str, &str, &str); 105] = [
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
    ("GW", "gigawatt", "gigawatts"),
    ("mW", "milliwatt", "milliwatts"),
    ("Wh", "watt hour", "watt hours"),
    ("MWh", "megawatt hour", "megawatt hours"),
    ("mA", "milliampere", "milliamperes"),
    ("kV", "kilovolt", "kilovolts"),
    ("mV", "millivolt", "millivolts"),
    ("N", "newton", "newtons"),
    ("MN", "meganewton", "meganewtons"),
    ("J", "joule", "joules"),
    ("kJ", "kilojoule", "kilojoules"),
    ("MJ", "megajoule", "megajoules"),
    ("Pa", "pascal", "pascals"),
    ("hPa", "hectopascal", "hectopascals"),
    ("MPa", "megapascal", "megapascals"),
    ("mbar", "millibar", "millibars"),
    ("dB", "decibel", "decibels"),
    ("GHz", "gigahertz", "gigahertz"),
    ("kB", "kilobyte", "kilobytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("KiB", "kibibyte", "kibibytes"),
    ("MiB", "mebibyte", "mebibytes"),
    ("GiB", "gibibyte", "gibibytes"),
    ("Mbit/s", "megabit per second", "megabits per second"),
    ("MB/s", "megabyte per second", "megabytes per second"),
    ("rpm", "revolution per minute", "revolutions per minute"),
    ("fps", "frame per second", "frames per second"),
    ("ha", "hectare", "hectares"),
    ("ug", "microgram", "micrograms"),
    ("ns", "nanosecond", "nanoseconds"),
    ("m/s2", "metre per second squared", "metres per second squared"),
    ("kg/m3", "kilogram per cubic metre", "kilograms per cubic metre"),
    ("g/cm3", "gram per cubic centimetre", "grams per cubic centimetre"),
    ("mg/l", "milligram per litre", "milligrams per litre"),
    ("g/kg", "gram per kilogram", "grams per kilogram"),
    ("ppm", "part per million", "parts per million"),
    ("ppb", "part per billion", "parts per billion"),
    ("tsp", "teaspoon", "teaspoons"),
    ("tbsp", "tablespoon", "tablespoons"),
    ("dl", "decilitre", "decilitres"),
    ("cl", "centilitre", "centilitres"),
    ("yd", "yard", "yards"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("ly", "light year", "light years"),
    ("cal", "calorie", "calories"),
    ("ft2", "square foot", "square feet"),
    ("cm2", "square centimetre", "square centimetres"),
    ("mm2", "square millimetre", "square millimetres"),
    ("EUR", "euro", "euros"),
    ("USD", "U S dollar", "U S dollars"),
    ("GBP", "pound", "pounds"),
    ("JPY", "yen", "yen"),
    ("CHF", "Swiss franc", "Swiss francs"),
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

/// The month of that place, from 0.
pub(super) fn month(at: usize) -> Option<&'static str> {
    MONTHS.get(at).copied()
}

/// The month that a short form stands for.
pub(super) fn short_month(short: &str) -> Option<&'static str> {
    let is_short = matches!(short.len(), 3 | 4) && !MONTHS.contains(&short);
    MONTHS.into_iter().find(|month| is_short && month.starts_with(short))
}

pub(in crate::craft) fn is_month(word: &str) -> bool {
    MONTHS.contains(&word)
}

pub(super) fn is_regnal(name: &str) -> bool {
    REGNAL.contains(&name)
}
