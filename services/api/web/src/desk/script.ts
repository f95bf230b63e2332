/** A text with its placeholders, such as {name}, filled in. Unknown ones stay, so that whoever wrote them sees it. */
export const fillIn = (text: string, words: Record<string, string>) =>
  text.replace(/\{(\w+)\}/g, (placeholder, word: string) => words[word] ?? placeholder);
