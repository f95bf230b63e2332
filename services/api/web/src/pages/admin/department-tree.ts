import type { Department } from "@/api/types";

/** A department with how deep it stands. */
export type Placed = Department & { depth: number };

/** Parents before children, by name; whose parent is gone stands at the top. */
export function tree(all: Department[]): Placed[] {
  const known = new Set(all.map((one) => one.id));
  const above = (one: Department) => (one.parent && known.has(one.parent) ? one.parent : null);
  const below = (parent: string | null, depth: number): Placed[] =>
    all
      .filter((one) => above(one) === parent)
      .toSorted((a, b) => a.name.localeCompare(b.name))
      .flatMap((one) => [{ ...one, depth }, ...below(one.id, depth + 1)]);
  return below(null, 0);
}

/** The department and all below it. */
export function subtree(all: Department[], id: string): Set<string> {
  const found = new Set([id]);
  for (const one of tree(all)) if (one.parent && found.has(one.parent)) found.add(one.id);
  return found;
}
