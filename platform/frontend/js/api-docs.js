/* The operations of the API, shown by Swagger UI, which a script before this one has loaded. */
const place = document.querySelector("#api-docs");
const { schema, csrf, failed } = place.dataset;

/* A browser sends the session itself: there is nothing to enter for it. */
function withTokensAlone(description) {
  const { session, ...schemes } = description.components.securitySchemes;
  description.components.securitySchemes = schemes;
  for (const methods of Object.values(description.paths)) {
    for (const operation of Object.values(methods)) {
      operation.security = operation.security?.filter((scheme) => !("session" in scheme));
    }
  }
  return description;
}

function withCsrf(request) {
  const isOurs = new URL(request.url, location.href).origin === location.origin;
  if (isOurs && !["GET", "HEAD"].includes(request.method ?? "GET")) request.headers["X-CSRFToken"] = csrf;
  return request;
}

/* Swagger UI has a dark theme, by a class of its own. */
const root = document.documentElement;
const darkPreferred = matchMedia("(prefers-color-scheme: dark)");
function followTheme() {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : darkPreferred.matches;
  root.classList.toggle("dark-mode", isDark);
}
darkPreferred.addEventListener("change", followTheme);
new MutationObserver(followTheme).observe(root, { attributeFilter: ["data-theme"] });
followTheme();

try {
  const answer = await fetch(schema);
  if (!answer.ok) throw new Error(`${schema}: ${answer.status}`);
  window.SwaggerUIBundle({
    domNode: place,
    spec: withTokensAlone(await answer.json()),
    requestInterceptor: withCsrf,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    tagsSorter: "alpha",
    filter: true,
    persistAuthorization: false, // a token is forgotten with the page
    validatorUrl: null, // else it would be sent to another site
  });
} catch (error) {
  place.textContent = failed;
  throw error;
}
