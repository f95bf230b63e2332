const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
] as const;
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
] as const;

/** What a browser says of itself, short: "Firefox, Linux". */
export function deviceName(userAgent: string): string {
  const name = (of: readonly (readonly [string, string])[]) => of.find(([mark]) => userAgent.includes(mark))?.[1];
  const parts = [name(BROWSERS), name(SYSTEMS)].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : (userAgent.split(" ")[0] ?? "");
}
