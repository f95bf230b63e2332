import { describe, expect, it } from "vitest";
import { gatewaysOf, linesOf } from "./trunk-lines";

describe("gateways as lines", () => {
  it("come in the order of trial", () => {
    expect(gatewaysOf("sip.carrier.example\n\n 192.0.2.7:5060 tls \n")).toEqual([
      { address: "sip.carrier.example", transport: "udp", priority: 0, weight: 1 },
      { address: "192.0.2.7:5060", transport: "tls", priority: 1, weight: 1 },
    ]);
  });

  it("may share calls", () => {
    const shared = "a.example udp 0 3\nb.example auto 0 1";
    expect(gatewaysOf(shared).map(({ priority, weight }) => [priority, weight])).toEqual([
      [0, 3],
      [0, 1],
    ]);
    expect(linesOf(gatewaysOf(shared))).toBe(shared);
  });

  it("are read as they were written", () => {
    const text = "a.example\nb.example:5061 tls\nc.example auto";
    expect(linesOf(gatewaysOf(text))).toBe(text);
  });
});
