// What the server is asked, and how its refusals are told.

const api = new URL("api/", document.baseURI);

export function address(name, parameters = {}) {
  const url = new URL(name, api);
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) url.searchParams.set(key, value);
  }
  return url.href;
}

async function answered(response) {
  if (response.ok) return response;
  let message = `the server answered ${response.status}`;
  try {
    message = (await response.json()).error ?? message;
  } catch { /* no JSON: the status says it */ }
  throw new Error(message);
}

async function reached(request) {
  try {
    return await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the server does not answer: is `hypress view` still running?");
  }
}

export async function get(name, parameters, options) {
  return (await answered(await reached(fetch(address(name, parameters), options)))).json();
}

export async function post(name, body) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  return (await answered(await reached(fetch(address(name), options)))).json();
}

/** A picture, whether it is final, whether it shows the store's coarse copy, and what is wrong with it. */
export async function picture(url, signal) {
  const response = await answered(await reached(fetch(url, { signal })));
  const problem = response.headers.get("X-Problem");
  return {
    bitmap: await createImageBitmap(await response.blob()),
    exact: response.headers.get("X-Exact") !== "0",
    overview: response.headers.get("X-Overview") === "1",
    problem: problem === null ? null : decodeURIComponent(problem),
  };
}

/** Tell a problem once, until it is dismissed or a while has passed. */
export function tell(message) {
  const box = document.getElementById("problems");
  if ([...box.children].some((p) => p.dataset.message === message)) return;
  const line = document.createElement("p");
  line.dataset.message = message;
  const text = document.createElement("span");
  text.textContent = message;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "✕";
  close.setAttribute("aria-label", "Dismiss");
  close.addEventListener("click", () => line.remove());
  line.append(text, close);
  box.append(line);
  while (box.children.length > 3) box.firstChild.remove();
  setTimeout(() => line.remove(), 20000);
}

export async function tried(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message);
    return null;
  }
}
