/** Faults of the network in words that a person understands. Never holds more of a URL than its host. */

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection closed by the other side",
  ENOTFOUND: "name not found",
  EAI_AGAIN: "name could not be looked up just now",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ENETDOWN: "the network is down",
  EADDRNOTAVAIL: "no local port left",
  EMFILE: "too many open files",
  CERT_HAS_EXPIRED: "certificate has expired",
  CERT_NOT_YET_VALID: "certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate is self-signed (see NODE_EXTRA_CA_CERTS)",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate chain ends in a self-signed one (see NODE_EXTRA_CA_CERTS)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "certificate's issuer is not known (see NODE_EXTRA_CA_CERTS)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "certificate's issuer is not known (see NODE_EXTRA_CA_CERTS)",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate is for another host",
  UND_ERR_SOCKET: "connection closed by the other side",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the answer broke off",
  UND_ERR_HEADERS_OVERFLOW: "the answer's header is too large",
  UND_ERR_DESTROYED: "the client was closed",
  UND_ERR_CLOSED: "the client was closed",
};

/** What went wrong, without saying where: `connection refused`. */
export function describeFault(error: unknown): string {
  const code = codeOf(error);
  if (code === undefined) return "the connection failed";
  const known = CAUSES[code];
  if (known !== undefined) return known;
  if (code.startsWith("HPE_")) return `the answer is not HTTP (${code})`;
  if (code.startsWith("ERR_SSL_") || code === "EPROTO") return `TLS failed (${code})`;
  if (/CERT|SIGNATURE|ISSUER|CRL/u.test(code)) return `certificate not accepted (${code})`;
  return `the connection failed (${code})`;
}

/** Where several addresses were tried, the first one's fault stands for all. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  return "code" in error && typeof error.code === "string" ? error.code : undefined;
}
