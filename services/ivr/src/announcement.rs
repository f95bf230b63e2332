//! What waiting callers are told: the place in the queue and how long it may take.

use types::Millis;

/// Each is a file of its own: of places and waits there are many pairs.
/// `wait`: what most callers at this place do not wait longer than; 0: not known.
/// `callback`: the key by which the caller may ask to be called back.
pub fn texts(language: &str, position: u32, wait: Millis, callback: Option<char>) -> Vec<String> {
    let place = place(language, position);
    let told = (wait > 0).then(|| span(language, wait)).map(|wait| match language {
        "ru" => format!("Ожидание, скорее всего, не дольше чем {wait}."),
        "ro" => format!("Probabil nu veți aștepta mai mult de {wait}."),
        _ => format!("You will probably wait no longer than {wait}."),
    });
    let key = callback.map(|key| key_name(language, key)).map(|key| match language {
        "ru" => format!("Чтобы мы перезвонили вам в свою очередь, нажмите {key}."),
        "ro" => format!("Pentru a fi sunat când vă vine rândul, apăsați {key}."),
        _ => format!("To be called back when it is your turn, press {key}."),
    });
    [place].into_iter().chain(told).chain(key).collect()
}

/// What a caller who wants to be called back is asked, by the names of the contract.
pub fn words(language: &str, words: &str, number: &str) -> String {
    let digits = spelled(number);
    match (language, words) {
        ("ru", "confirm") => format!(
            "Мы перезвоним по номеру {digits}. Если он верен, нажмите 1. Чтобы указать другой номер, нажмите 2. Чтобы ждать дальше, нажмите звёздочку."
        ),
        ("ru", "type") => "Наберите номер, по которому перезвонить, и нажмите решётку.".into(),
        ("ru", "wrong") => {
            "По этому номеру мы позвонить не можем. Наберите другой номер и нажмите решётку.".into()
        }
        ("ru", _) => "Спасибо. Ваше место в очереди сохранено, мы перезвоним. До свидания.".into(),
        ("ro", "confirm") => format!(
            "Vă sunăm la numărul {digits}. Dacă este corect, apăsați 1. Pentru alt număr, apăsați 2. Pentru a aștepta în continuare, apăsați steluța."
        ),
        ("ro", "type") => "Tastați numărul la care să vă sunăm, apoi diez.".into(),
        ("ro", "wrong") => "Nu putem suna la acest număr. Tastați alt număr, apoi diez.".into(),
        ("ro", _) => "Vă mulțumim. Vă păstrați locul la rând și vă sunăm noi. La revedere.".into(),
        (_, "confirm") => format!(
            "We will call you back at {digits}. If that is right, press 1. For another number, press 2. To go on waiting, press star."
        ),
        (_, "type") => "Type the number at which to call you, then press hash.".into(),
        (_, "wrong") => "We cannot call that number. Type another one, then press hash.".into(),
        _ => "Thank you. You keep your place in line, and we will call you. Goodbye.".into(),
    }
}

/// Digit by digit, so that nobody hears billions.
fn spelled(number: &str) -> String {
    let digits: Vec<String> = number.chars().filter(char::is_ascii_digit).map(String::from).collect();
    digits.join(" ")
}

fn key_name(language: &str, key: char) -> String {
    match (language, key) {
        ("ru", '*') => "звёздочку".into(),
        ("ru", '#') => "решётку".into(),
        ("ro", '*') => "steluța".into(),
        ("ro", '#') => "diez".into(),
        (_, '*') => "star".into(),
        (_, '#') => "hash".into(),
        (_, key) => key.into(),
    }
}

fn place(language: &str, position: u32) -> String {
    match (language, position) {
        ("ru", 1) => "Вы следующий в очереди.".into(),
        ("ru", n) => format!("Ваш номер в очереди: {n}."),
        ("ro", 1) => "Sunteți următorul la rând.".into(),
        ("ro", n) => format!("Sunteți pe locul {n} la rând."),
        (_, 1) => "You are next in line.".into(),
        (_, n) => format!("You are number {n} in line."),
    }
}

/// Minutes and, where there are any, seconds.
fn span(language: &str, wait: Millis) -> String {
    let seconds = (wait + 500) / 1_000;
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let [minute, second] = match language {
        "ru" => [["минута", "минуты", "минут"], ["секунда", "секунды", "секунд"]],
        "ro" => [["minut", "minute", "de minute"], ["secundă", "secunde", "de secunde"]],
        _ => [["minute", "minutes", "minutes"], ["second", "seconds", "seconds"]],
    };
    let counted = |n: i64, forms: [&str; 3]| (n > 0).then(|| format!("{n} {}", forms[form(language, n)]));
    let parts: Vec<String> =
        [counted(minutes, minute), counted(seconds, second)].into_iter().flatten().collect();
    parts.join(" ")
}

/// One, few or many, by the plural rules of the Unicode CLDR.
fn form(language: &str, n: i64) -> usize {
    match (language, n % 10, n % 100) {
        ("ru", 1, tens) if tens != 11 => 0,
        ("ru", 2..=4, tens) if !(12..=14).contains(&tens) => 1,
        ("ru", ..) => 2,
        ("ro", ..) if n == 1 => 0,
        ("ro", _, 1..=19) => 1,
        ("ro", ..) => 2,
        _ => usize::from(n != 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_and_the_wait_are_told_in_the_companys_language() {
        assert_eq!(texts("en", 1, 0, None), ["You are next in line."]);
        let wait = "You will probably wait no longer than 2 minutes 30 seconds.";
        assert_eq!(texts("en", 3, 150_000, None), ["You are number 3 in line.", wait]);
        let key = "To be called back when it is your turn, press star.";
        assert_eq!(texts("en", 1, 0, Some('*')), ["You are next in line.", key]);
        assert!(words("ru", "confirm", "+40211").contains("4 0 2 1 1"));
        let spans =
            |language| [60_000, 120_000, 300_000, 40_000, 21 * 60_000].map(|wait| span(language, wait));
        assert_eq!(spans("en"), ["1 minute", "2 minutes", "5 minutes", "40 seconds", "21 minutes"]);
        assert_eq!(spans("ru"), ["1 минута", "2 минуты", "5 минут", "40 секунд", "21 минута"]);
        assert_eq!(spans("ro"), ["1 minut", "2 minute", "5 minute", "40 de secunde", "21 de minute"]);
    }
}
