import { describe, expect, it } from "vitest";
import { subtree, tree } from "./department-tree";

const of = (id: string, parent: string | null) => ({ id, name: id, parent, version: 1 });

describe("departments", () => {
  const all = [of("north", "sales"), of("support", null), of("sales", null), of("coast", "north"), of("lost", "gone")];

  it("stand below their parents, by name", () => {
    expect(tree(all).map((one) => `${one.depth}${one.id}`)).toEqual(["0lost", "0sales", "1north", "2coast", "0support"]);
  });

  it("know everything below them", () => {
    expect(subtree(all, "sales")).toEqual(new Set(["sales", "north", "coast"]));
  });
});
