import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { get } from "@/api/client";
import type { SipServer } from "@/api/types";
import { Copyable, Loaded } from "@/components/ui";

/** Where carriers and phones send SIP: host and port, each with its transports. */
export function SipAddress() {
  const { t } = useTranslation();
  const server = useQuery({
    queryKey: ["sip-server"],
    staleTime: 600_000,
    queryFn: () => get<SipServer>("/sip-server"),
  });
  return (
    <Loaded query={server}>
      {({ udp, tcp, tls, ws, wss }) => (
        <ul className="flex flex-col gap-1">
          {[
            ...(udp === tcp ? [{ at: udp, by: "UDP, TCP" }] : [{ at: udp, by: "UDP" }, { at: tcp, by: "TCP" }]),
            ...(tls ? [{ at: tls, by: "TLS" }] : []),
            ...(wss ? [{ at: wss, by: "WSS" }] : []),
            ...(ws ? [{ at: ws, by: "WS" }] : []),
          ].map(
            ({ at, by }) => (
              <li key={by} className="flex flex-wrap items-center gap-2">
                <Copyable value={at} testId="sip-address" />
                <span className="text-xs text-muted">{t("sip.over", { transports: by })}</span>
              </li>
            ),
          )}
        </ul>
      )}
    </Loaded>
  );
}
