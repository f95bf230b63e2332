import type { Gateway } from "@/api/types";

const TRANSPORTS = ["udp", "tcp", "tls", "auto"] as const;

const isTransport = (text: string | undefined): text is Gateway["transport"] =>
  (TRANSPORTS as readonly (string | undefined)[]).includes(text);

/** Gateways as people type them, one a line: address, transport, priority, weight. */
export function gatewaysOf(text: string): Gateway[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter(Boolean).map((line, at) => {
    const [address = "", ...more] = line.split(/\s+/);
    const transport = isTransport(more[0]) ? more.shift() : undefined;
    const [priority, weight] = more.map(Number);
    return {
      address,
      transport: (transport as Gateway["transport"] | undefined) ?? "udp",
      // Each line is tried after those above it, unless it says otherwise.
      priority: priority ?? at,
      weight: weight ?? 1,
    };
  });
}

/** The same the other way; what the place in the list says is left out. */
export function linesOf(gateways: Partial<Gateway>[]): string {
  const line = ({ address = "", transport = "udp", priority, weight }: Partial<Gateway>, at: number) => {
    const usual = (priority ?? at) === at && (weight ?? 1) <= 1;
    return [address, transport === "udp" && usual ? "" : transport, usual ? "" : `${priority ?? at} ${weight ?? 1}`]
      .filter(Boolean)
      .join(" ");
  };
  return gateways.map(line).join("\n");
}
