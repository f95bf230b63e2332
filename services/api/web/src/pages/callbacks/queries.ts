import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, post } from "@/api/client";
import type { Callback, List } from "@/api/types";
import { useProblemText } from "@/api/words";
import { toast } from "@/components/ui";
import { desk } from "@/desk/desk";

/** What one has claimed, or owes an outcome for. */
export const useMine = () =>
  useQuery({
    queryKey: ["callbacks", "mine"],
    queryFn: () => get<List<Callback>>("/callbacks?state=mine&limit=20"),
    refetchInterval: 4_000,
  });

/** What an agent does with a task; a refusal is shown, and the lists are asked for anew. */
export function useDeeds() {
  const client = useQueryClient();
  const words = useProblemText();
  const settings = {
    onError: (error: unknown) => toast("bad", words(error)),
    onSettled: () => client.invalidateQueries({ queryKey: ["callbacks"] }),
  };
  const call = useMutation({
    // The claim first: whoever comes second is told before a line rings.
    mutationFn: async (task: Callback) => {
      await post(`/callbacks/${task.id}/claim`);
      desk.call({ number: task.number }, task.id);
    },
    ...settings,
  });
  const release = useMutation({
    mutationFn: (task: Callback) => post(`/callbacks/${task.id}/release`),
    ...settings,
  });
  return { call, release };
}
