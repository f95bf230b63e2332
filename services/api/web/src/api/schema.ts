import { z } from "zod";
import type { FormMessage } from "./form";

const say = (message: FormMessage) => message;

export const required = z.string().trim().min(1, say("required"));
export const email = z.string().trim().min(1, say("required")).regex(/^\S+@\S+$/, say("email"));
export const password = z.string().min(10, say("password"));
export const digits = z.string().trim().regex(/^\d{0,3}$/, say("digits"));
export const count = z.string().trim().regex(/^\d{0,5}$/, say("digits"));
export const e164 = z.string().trim().regex(/^\+\d{6,15}$/, say("e164"));
/** A figure typed in a form, without a sign. */
export const figure = (most: number) =>
  z
    .string()
    .trim()
    .regex(/^\d+$/, say("number"))
    .refine((text) => Number(text) <= most, say("number"));
export { z };
