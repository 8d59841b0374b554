use proptest::prelude::*;

use super::*;

#[test]
fn what_is_for_the_eye_is_read_in_words() {
    let table = [
        ("It flew on 16 March 1926.", "It flew on the sixteenth of March nineteen twenty six."),
        ("It flew on March 16, 1926.", "It flew on March sixteenth, nineteen twenty six."),
        ("In 1969, Apollo 11 landed.", "In nineteen sixty nine, Apollo eleven landed."),
        ("437 days", "four hundred and thirty seven days"),
        ("1500 metres", "one thousand five hundred metres"),
        ("The 1960s were busy.", "The nineteen sixties were busy."),
        (
            "From 1969–1972 they flew.",
            "From nineteen sixty nine to nineteen seventy two they flew.",
        ),
        ("It is 3.5 km away.", "It is three point five kilometres away."),
        ("1 kg of salt, 20g of sugar", "one kilogram of salt, twenty grams of sugar"),
        ("Heat to 180 °C.", "Heat to one hundred and eighty degrees Celsius."),
        ("−20 °F outside", "minus twenty degrees Fahrenheit outside"),
        ("at 28,000 km/h", "at twenty eight thousand kilometres per hour"),
        ("45% or 2.5 %", "forty five percent or two point five percent"),
        ("the 21st flight", "the twenty first flight"),
        ("It cost $1.5 million.", "It cost one point five million dollars."),
        ("£3.50 or €1", "three pounds and fifty pence or one euro"),
        ("Dr. Smith of St. Louis", "Doctor Smith of Saint Louis"),
        ("He is from the U.S.", "He is from the U S."),
        ("NASA and the USSR", "NASA and the U S S R"),
        ("STS-1 and V-2", "S T S one and V two"),
        ("the first O-ring", "the first O ring"),
        ("CO2 and H₂O", "C O two and H two O"),
        ("Saturn V and World War II", "Saturn five and World War two"),
        ("Louis XIV", "Louis the fourteenth"),
        ("bread & butter = good", "bread and butter equals good"),
        ("at 9:32 a.m. they", "at nine thirty two A M they"),
        ("12:00 and 9:05", "twelve o'clock and nine oh five"),
        ("1/2 cup, 3/4 cup", "one half cup, three quarters cup"),
        ("a 20-minute walk", "a twenty minute walk"),
        ("see https://www.example.com/a?b=1", "see example dot com"),
        ("write to a.b@example.org.", "write to a dot b at example dot org."),
        ("“It works,” she said.", "It works, she said."),
        ("the crew — three men — slept", "the crew, three men, slept"),
        ("a capsule (of titanium) fell", "a capsule, of titanium, fell"),
        ("café, Škoda, naïve", "cafe, Skoda, naive"),
        ("well-known, the Moon's dust", "well known, the Moon's dust"),
        ("agent 007", "agent zero zero seven"),
        ("No. 5 is alive; no.", "number five is alive; no."),
        ("on 2026-11-15 at noon", "on the fifteenth of November twenty twenty six at noon"),
        ("Mar 16, 1926", "March sixteenth, nineteen twenty six"),
        ("It closed on 3 Sept. 1971.", "It closed on the third of September nineteen seventy one."),
        ("open 9am to 5:30pm", "open nine A M to five thirty P M"),
        ("at 14:30 UTC", "at fourteen thirty U T C"),
        ("in the mid-1990s", "in the mid nineteen nineties"),
        ("the post-1945 years", "the post nineteen forty five years"),
        ("in AD 79 and 44 BC", "in A D seventy nine and forty four B C"),
        ("1½ cups", "one and one half cups"),
        ("10-20 kg or 5–10 %", "ten to twenty kilograms or five to ten percent"),
        ("It cost $5bn, or US$20k.", "It cost five billion dollars, or twenty thousand dollars."),
        ("20 € and 100 USD", "twenty euros and one hundred U S dollars"),
        ("3 GB at 2.4 GHz", "three gigabytes at two point four gigahertz"),
        ("9.8 m/s² of pull", "nine point eight metres per second squared of pull"),
        ("measured in km/h", "measured in kilometres per hour"),
        ("5 kWh, 3 mm, 20 µg", "five kilowatt hours, three millimetres, twenty micrograms"),
        ("2 tbsp of oil, 250 ml", "two tablespoons of oil, two hundred and fifty millilitres"),
        ("Dr Smith and Mrs Jones", "Doctor Smith and Missus Jones"),
        ("e.g. salt, i.e. NaCl", "for example salt, that is N A C L"),
        ("DNA, NASA and a CPU", "D N A, NASA and a C P U"),
        ("World War I and Part V", "World War one and Part five"),
        ("Elizabeth II", "Elizabeth the second"),
        ("set `x = 1` first", "set x equals one first"),
        ("if a != b && c >= 2", "if a is not b and c is at least two"),
        ("edit main.rs or data.json", "edit main dot R S or data dot json"),
        ("call my_function()", "call my function"),
        ("take v1.2.3", "take version one point two point three"),
        ("Rust 1.95.0 is out", "Rust one point ninety five point zero is out"),
        ("10^6 and x^2", "ten to the power of six and x squared"),
        ("a 16:9 picture in 4K", "a sixteen to nine picture in four K"),
        ("H2SO4, CaCO3 and NaHCO3", "H two S O four, C A C O three and N A H C O three"),
        ("#SpaceX and #moon", "hashtag Space X and hashtag moon"),
        ("open 24/7", "open twenty four seven"),
        ("a pH of 7", "a P H of seven"),
        ("salt vs sugar", "salt versus sugar"),
        ("Wait... what?!", "Wait. what?"),
        ("火星 is Mars", "is Mars"),
        ("", ""),
    ];
    let wrong: Vec<_> = table
        .iter()
        .map(|(written, spoken)| (written, speakable(written), spoken))
        .filter(|(_, read, spoken)| read != *spoken)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

proptest! {
    #[test]
    fn only_harmless_ascii_is_spoken(text in "\\PC{0,60}|([0-9]{1,5}|[a-zA-Z]{1,5}|[-.,:;/'%$£°–()<>|\\\\{}\\[\\]=&]| ){0,40}") {
        let spoken = speakable(&text);
        let permitted = |c: char| c.is_ascii_alphabetic() || " .,;:?!'-".contains(c);
        prop_assert!(spoken.chars().all(permitted), "{}", spoken);
        prop_assert!(!spoken.contains("  "));
    }
}
