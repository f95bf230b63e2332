import type { Offer } from "@/desk/messages";

/** The contact's name, else what the network gave, unless it is but the number again. */
export function callerName(offer: Offer): string | null {
  const name = offer.contact?.contact?.name || offer.caller.name;
  return name && name !== offer.caller.number ? name : null;
}
