const two = (n: number) => String(n).padStart(2, "0");

/** A span as 4:07 or 1:04:07; never below 0:00. */
export function span(ms: number) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A share of 1 as 87.5 %, or a dash where it would divide by zero. */
export function percent(share: number | null | undefined, language: string) {
  if (share === null || share === undefined) return "—";
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(share);
}

/** A mean time, or a dash. */
export function meanSpan(ms: number | null | undefined) {
  return ms === null || ms === undefined ? "—" : span(Math.round(ms / 1000) * 1000);
}

/** The reader's own variety of the portal's language, such as British English. */
function locale(language: string) {
  return globalThis.navigator?.languages?.find((tag) => tag.startsWith(language)) ?? language;
}

/** Date and time in the company's zone. */
export function dateTime(ms: number, language: string, timeZone?: string | null) {
  return new Intl.DateTimeFormat(locale(language), {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: timeZone ?? undefined,
  }).format(ms);
}

/** The time alone, in this computer's zone. */
export function timeOfDay(ms: number, language: string) {
  return new Intl.DateTimeFormat(locale(language), { hour: "2-digit", minute: "2-digit" }).format(ms);
}

/** `datetime-local` value of an instant, in this computer's zone. */
export function localInput(ms: number) {
  const at = new Date(ms);
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The groups in which an E.164 number is easier to read aloud; anything else whole. */
export function phoneGroups(number: string) {
  if (!/^\+\d{6,15}$/.test(number)) return [number];
  const groups: string[] = [];
  let rest = number.slice(1);
  while (rest.length > 4) {
    groups.unshift(rest.slice(-3));
    rest = rest.slice(0, -3);
  }
  return [`+${rest}`, ...groups];
}
