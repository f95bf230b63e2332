import { describe, expect, it } from "vitest";
import { meanSpan, percent, phoneGroups, span } from "./format";

describe("format", () => {
  it("writes spans as people read them aloud", () => {
    expect([0, 7_400, 247_000, 3_847_000, -5].map(span)).toEqual(["0:00", "0:07", "4:07", "1:04:07", "0:00"]);
  });

  it("shows a dash, not zero, for a rate that would divide by zero", () => {
    expect(percent(null, "en")).toBe("—");
    expect(meanSpan(undefined)).toBe("—");
    expect(percent(0.875, "en")).toBe("87.5%");
  });

  it("groups a number without losing a digit, and leaves names alone", () => {
    expect(phoneGroups("+99912345678")).toEqual(["+99", "912", "345", "678"]);
    expect(phoneGroups("anonymous")).toEqual(["anonymous"]);
  });
});
