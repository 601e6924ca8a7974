/** Names of settings whose values nobody should see. Counts of tokens are numbers, and no secrets. */
const secret = /token|secret|password|passphrase|api_?key|credential|authorization|cookie/i;
const HIDDEN = "(hidden)";

/** Settings as they may be shown: without the texts of secrets, and without user and password in addresses. */
export function withoutSecrets(value: unknown, name = ""): unknown {
  if (typeof value === "string") {
    if (secret.test(name)) return HIDDEN;
    return value.replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, `$1${HIDDEN}@`);
  }
  if (Array.isArray(value)) return value.map((one) => withoutSecrets(one, name));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      // All texts below a name that says "secret" are.
      withoutSecrets(part, secret.test(name) ? name : key),
    ]),
  );
}
