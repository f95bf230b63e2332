import { phoneGroups } from "@/format/format";

/** Groups of digits with room between them; what is copied has none. */
export function PhoneNumber({ number }: { number: string }) {
  return (
    <span className="whitespace-nowrap tabular-nums">
      {phoneGroups(number).map((group, index) => (
        <span key={index} className={index > 0 ? "ml-[0.25em]" : undefined}>
          {group}
        </span>
      ))}
    </span>
  );
}
