/** The API's address, as far as it can be judged before anything is asked of it. */
import { z } from "zod";

/** An http or https URL, kept as it is written. The refusal names the value, without what stands before an @ in it. */
export const baseUrl = z.string().superRefine((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && ["http:", "https:"].includes(url.protocol)) return;
  const shown = JSON.stringify(text.replace(/^.*@/s, "…@"));
  context.addIssue({
    code: "custom",
    message: `${shown} is not an http or https URL: write https://api.promptlayer.com`,
  });
});
