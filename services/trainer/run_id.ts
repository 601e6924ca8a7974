/** Ids of runs are names of folders too. */
export const RUN_ID: RegExp = /^(?!\.)(?!decorum\.db)[A-Za-z0-9._-]{1,100}$/;

/** What {@link RUN_ID} takes, for messages. */
export const RUN_ID_RULE =
  "expected 1 to 100 letters, digits, dots, dashes and underscores, no dot first";
