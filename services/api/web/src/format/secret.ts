// Without the letters and digits that people mistake for one another.
const LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

/** Random letters for credentials, from the browser's strong source. */
export function secret(length: number) {
  const bytes = crypto.getRandomValues(new Uint32Array(length));
  return [...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join("");
}
