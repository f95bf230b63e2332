export type Params = Record<string, string>;

/** What is wrong with one field: `place` is a path such as `nodes.menu.choices.1`. */
export type FieldError = { place: string; message: string; code?: string; params?: Params };

/** An error in the words of the server (RFC 9457), or of the network. */
export class Problem extends Error {
  constructor(
    /** 0: the server was not reached. */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[] = [],
    /** Stable, such as `in_use`: what the words are chosen by. */
    readonly code = "",
    /** What the words name. */
    readonly params: Params = {},
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

/** Reads an answer that is not a success. */
export async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null);
  const field = (name: string) =>
    body && typeof body === "object" && name in body ? (body as Record<string, unknown>)[name] : undefined;
  const text = (name: string) => {
    const value = field(name);
    return typeof value === "string" ? value : "";
  };
  const errors = field("errors");
  return new Problem(
    response.status,
    text("title") || response.statusText,
    text("detail"),
    Array.isArray(errors) ? (errors as FieldError[]) : [],
    text("code"),
    (field("params") ?? {}) as Params,
  );
}
