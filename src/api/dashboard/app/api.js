// Requests to this server, with the operator's token when there is one.

const KEPT = "pointsman.token";
let token = null;
try {
  token = sessionStorage.getItem(KEPT);
} catch {
  // Without storage the token is kept in memory alone.
}

/** What is called when the server wants a token; resolves when there is one. */
let askForToken = () => Promise.reject(new Problem(401, "Unauthorized", "a token is needed"));

/** Sets who asks the operator for a token. */
export function onUnauthorized(ask) {
  askForToken = ask;
}

/** Keeps a token as long as this tab is open; `null` forgets it. */
export function setToken(text) {
  token = text;
  try {
    if (text === null) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, text);
  } catch {
    // Kept in memory.
  }
}

/** Whether a token is in use. */
export const hasToken = () => token !== null;

/** An error that the server answered (RFC 9457). */
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
    this.detail = detail || title;
  }
}

/** The headers of a request. */
export function headers(more) {
  return token === null ? { ...more } : { Authorization: `Bearer ${token}`, ...more };
}

async function problem(response) {
  let said = {};
  try {
    said = await response.json();
  } catch {
    // An answer without a body says what its status says.
  }
  return new Problem(response.status, said.title ?? response.statusText, said.detail);
}

async function request(path, options) {
  // Once with the token that is known, once without one, then with what the operator gives.
  for (let tries = 0; ; tries += 1) {
    const shown = token;
    const response = await fetch(path, { cache: "no-store", credentials: "same-origin", ...options, headers: headers(options.headers) });
    if (response.ok) return response.json();
    if (response.status !== 401 || tries > 2) throw await problem(response);
    if (shown === null) await askForToken();
    else if (shown === token) setToken(null);
  }
}

/** `GET`; `query` leaves out what is undefined or empty. */
export function get(path, query = {}, signal = undefined) {
  const wanted = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") wanted.set(name, value);
  }
  const text = wanted.toString();
  return request(text ? `${path}?${text}` : path, { signal });
}

/** `POST` of JSON. */
export function post(path, body) {
  return request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** `GET` of a part that this server may not have: `null` when it has not. */
export async function getIfThere(path, query = {}, signal = undefined) {
  try {
    return await get(path, query, signal);
  } catch (error) {
    if (error instanceof Problem && (error.status === 404 || error.status === 501)) return null;
    throw error;
  }
}
