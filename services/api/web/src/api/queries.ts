import { QueryClient, queryOptions, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { all, get, rememberCsrf, request } from "./client";
import { Problem } from "./problem";
import type { Agent, DidNumber, Me, Named, Permission, Queue, Stored } from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // What the server refuses, it refuses again; only a lost connection is worth another try.
      retry: (failures, error) =>
        failures < 2 && error instanceof Problem && (error.status === 0 || error.status === 503),
    },
  },
});

/** Who is signed in; null: nobody. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  staleTime: 60_000,
  queryFn: async (): Promise<Me | null> => {
    try {
      return signedIn(await get<Me>("/me"));
    } catch (error) {
      if (error instanceof Problem && error.status === 401) return null;
      throw error;
    }
  },
});

/** Keeps what every later request needs of a fresh session. */
export function signedIn(me: Me) {
  rememberCsrf(me.csrf);
  return me;
}

/** Who is signed in, on pages that nobody else sees. */
export function useMe(): Me {
  const me = useQuery(meQuery).data;
  if (!me) throw new Problem(401, "", "");
  return me;
}

export function useMay() {
  const { permissions } = useMe();
  return (permission: Permission) => permissions.includes(permission);
}

/** The collections of configuration documents, by their path. */
export type Collection =
  | "trunks"
  | "numbers"
  | "flows"
  | "queues"
  | "agents"
  | "skills"
  | "dispositions"
  | "categories"
  | "departments"
  | "roles"
  | "prompts"
  | "thresholds";

export const documents = <T>(of: Collection) =>
  queryOptions({
    queryKey: [of],
    queryFn: ({ signal }) => all<T>(`/${of}`, signal),
  });

export type Change<T> = { id?: string; version?: number; body: Omit<T, keyof Stored> };

/** Saves a new document, or the next version of one. */
export function useSave<T>(of: Collection) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, version, body }: Change<T>) =>
      id
        ? request<T>("PUT", `/${of}/${encodeURIComponent(id)}`, { body, version })
        : request<T>("POST", `/${of}`, { body }),
    onSettled: () => client.invalidateQueries({ queryKey: [of] }),
  });
}

export function useDelete(of: Collection) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => request<void>("DELETE", `/${of}/${encodeURIComponent(id)}`),
    onSettled: () => client.invalidateQueries({ queryKey: [of] }),
  });
}

/** Names for ids; an id that is not known any more stands for itself. */
export function useNames() {
  const may = useMay();
  const read = may("directory:read");
  const queues = useQuery({ ...documents<Queue>("queues"), enabled: read });
  const agents = useQuery({ ...documents<Agent>("agents"), enabled: read });
  const dispositions = useQuery({ ...documents<Named>("dispositions"), enabled: read });
  const numbers = useQuery({ ...documents<DidNumber>("numbers"), enabled: may("config:read") });
  const name = (list: { id: string; name: string }[] | undefined, id: string | null | undefined) =>
    id ? (list?.find((one) => one.id === id)?.name ?? id) : "";
  return {
    queue: (id: string | null | undefined) => name(queues.data, id),
    agent: (id: string | null | undefined) => name(agents.data, id),
    disposition: (id: string | null | undefined) => name(dispositions.data, id),
    did: (key: string) => {
      const did = numbers.data?.find((one) => one.id === key || one.number === key);
      return did ? `${did.label} ${did.number}` : key;
    },
  };
}
