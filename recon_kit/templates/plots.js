// Draws every figure that the page carries and leaves the pictures in the page as text, where plots.py reads them.
const { kind, width } = document.getElementById("report").querySelector("[data-kind]").dataset;
const pictures = [];
for (const script of document.querySelectorAll("script[data-chart]")) {
  const { data, layout } = JSON.parse(script.textContent);
  const size = { width: Number(width), height: layout.height ?? 400, scale: kind === "png" ? 2 : 1 };
  data.forEach((trace, place) => { trace.uid = String(place); });  // else plotly draws it by lot, and shows it
  pictures.push(await Plotly.toImage({ data, layout: { ...layout, paper_bgcolor: "#ffffff" } }, { format: kind, ...size }));
}
const made = document.createElement("script");
made.type = "application/json";
made.id = "pictures";
made.textContent = JSON.stringify(pictures).replaceAll("<", "\\u003c");
document.body.append(made);
