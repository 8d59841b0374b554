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
