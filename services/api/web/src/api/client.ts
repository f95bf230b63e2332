import { learnSkew } from "@/format/clock";
import { Problem, problemOf } from "./problem";

/** The value that GET /v1/me gives, sent with every change. */
let csrf: string | null = null;

export function rememberCsrf(value: string | null) {
  csrf = value;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Options = { body?: unknown; form?: FormData; csv?: string; version?: number; signal?: AbortSignal };

/** One request under /v1; throws a `Problem` unless it succeeds. */
export async function request<T>(method: Method, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (csrf && method !== "GET") headers["x-csrf-token"] = csrf;
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (options.version !== undefined) headers["if-match"] = `"${options.version}"`;
  if (options.csv !== undefined) headers["content-type"] = "text/csv";
  const body = options.csv ?? options.form ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const response = await fetch(`/v1${path}`, { method, headers, body, signal: options.signal }).catch(
    (error: unknown) => {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new Problem(0, "", "");
    },
  );
  learnSkew(response.headers.get("date"));
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204 || response.status === 202) return undefined as T;
  return (await response.json()) as T;
}

export const get = <T>(path: string, signal?: AbortSignal) => request<T>("GET", path, { signal });
export const post = <T>(path: string, body?: unknown) => request<T>("POST", path, { body });

type Pages<T> = { items: T[]; next_cursor?: string | null };

/** Every row of a list, page by page; for lists that configuration bounds. */
export async function all<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | null | undefined = "";
  do {
    const query: string = cursor ? `?limit=200&cursor=${encodeURIComponent(cursor)}` : "?limit=200";
    const page: Pages<T> = await get<Pages<T>>(path + query, signal);
    rows.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor);
  return rows;
}
