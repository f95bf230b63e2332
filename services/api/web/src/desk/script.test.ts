import { describe, expect, it } from "vitest";
import { fillIn } from "./script";

describe("a script", () => {
  it("names who talks, and leaves what it does not know", () => {
    const words = { name: "Ana", company: "Acme" };
    expect(fillIn("Hello {name}, this is {company}. {nme}?", words)).toBe("Hello Ana, this is Acme. {nme}?");
  });
});
