import { z } from "zod";
import "./field.ts";

const file = z.string().min(1);
const certificate = file.meta({ kind: "certificate" });
export const secret = file.meta({ kind: "secret" });

const shared = {
  insecure: z.boolean().default(false)
    .describe("Whether plaintext is allowed on addresses that are not loopback."),
  trust_domain: z.string().regex(
    /^[a-z0-9._-]{1,255}$/,
    "expected lower-case letters, digits, dots, dashes and underscores",
  ).default("decorum")
    .describe("What the services' identities begin with: spiffe://decorum/trainer."),
};

/** Who is let in; fields of every service's section. */
export const serverSecurity = {
  ...shared,
  tls: z.strictObject({
    cert: certificate.describe(
      "The service's certificate, and those between it and the authority. Its URI is the service's identity.",
    ),
    key: secret.describe("The private key of `cert`."),
    ca: certificate.describe("The authorities that sign callers."),
  }).nullable().default(null).describe(
    "PEM files of the gRPC port, and of HTTP where the service has it, as `decorum certs` makes them. They are read again when they change. null: plaintext.",
  ),
  tokens: secret.nullable().default(null).describe(
    "A file with the tokens that callers may send in place of a certificate, as `decorum token` writes it. null: none.",
  ),
  authorization: z.record(z.string().regex(/^[\w.]+\/(\w+|\*)$/), z.array(z.string().min(1)))
    .default({}).describe(
      "Who may call a method, in place of the built-in table: " +
        "{ decorum.reward.v1.RewardService/Score: [trainer, client/dashboard] }.",
    ),
};

/** How other services are called; fields of the sections of evaluator and trainer, and all of `client`. */
export const callFields = {
  ...shared,
  client_tls: z.strictObject({
    ca: certificate.describe("The authorities that sign the services."),
    cert: certificate.nullable().default(null).describe("The certificate to show; null: none."),
    key: secret.nullable().default(null).describe("The private key of `cert`."),
    verify: z.enum(["identity", "host"]).default("identity").describe(
      "What a service's certificate must hold. identity: spiffe://<trust_domain>/<service>; " +
        "host: the name or IP address that is called.",
    ),
  }).refine(({ cert, key }) => (cert === null) === (key === null), {
    error: "expected cert and key together",
  }).nullable().default(null)
    .describe("PEM files for calls. They are read again when they change. null: plaintext."),
  token_file: secret.nullable().default(null)
    .describe("A file with the token that is sent with every call. null: none."),
};

/** The section `client`: how the `decorum` command calls services. */
export const clientSection = z.strictObject(callFields).prefault({})
  .describe("How the `decorum` command calls services. Its flags win over it.");

export type ServerSecurityConfig = z.infer<z.ZodObject<typeof serverSecurity>>;
export type CallConfig = z.infer<z.ZodObject<typeof callFields>>;
