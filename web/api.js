// Requests to the exporter's guarded routes. The token comes from the form, or from the fragment of the link that
// `agent_exporter open` prints (browsers never send a fragment to the server). It is stored in this browser, or only in
// this tab if the user prefers that.

const KEY = "agent_exporter.token";
const TIMEOUT_MS = 8000;

// status: the HTTP status, or 0 if the exporter did not answer.
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function readTokenFromLink() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  setToken(token.trim(), true);
  history.replaceState(null, "", location.pathname + location.search);
}

export function token() {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
}

export function setToken(value, keep) {
  forgetToken();
  (keep ? localStorage : sessionStorage).setItem(KEY, value);
}

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  let response;
  let text;
  try {
    response = await fetch(query ? `${path}?${query}` : path, {
      headers: {Authorization: `Bearer ${token()}`},
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await response.text();
  } catch (error) {
    throw new ApiError(0, String(error));
  }
  if (!response.ok) throw new ApiError(response.status, text.trim());
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(0, "the answer is not JSON");
  }
}
