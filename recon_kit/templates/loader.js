// Draws what the page carries as data: charts (plotly.js) and detail tables (DataTables, from the itables bundle).
// Text from data reaches the page through textContent or DataTables' text renderer only, never as HTML.
const language = document.documentElement.lang;
Plotly.register({
  moduleType: "locale", name: "zh-CN",
  dictionary: {},
  format: { decimal: ".", thousands: ",", grouping: [3], currency: ["¥", ""] },
});
Plotly.setPlotConfig({
  displaylogo: false, showSendToCloud: false, plotlyServerURL: "", showTips: false, responsive: true, locale: language,
  displayModeBar: false, scrollZoom: false, doubleClick: false,
});

function parse(script) { return JSON.parse(script.textContent); }

// A chart that can be scaled as a picture, so that paper of any width shows it whole.
function scalable(place) {
  for (const svg of place.querySelectorAll(".main-svg")) {
    svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
  }
}

const drawn = [];
for (const script of document.querySelectorAll("script[data-chart]")) {
  const place = document.getElementById(script.dataset.chart);
  const { data, layout } = parse(script);
  drawn.push(Plotly.newPlot(place, data, layout).then(() => {
    scalable(place);
    place.on("plotly_afterplot", () => scalable(place));
    place.parentElement.classList.add("drawn");
  }));
  const save = place.parentElement.querySelector(".save");
  save.hidden = false;
  save.addEventListener("click", () => {
    const { width, height } = place.getBoundingClientRect();
    Plotly.downloadImage(place, { format: "png", width, height, scale: 2, filename: place.getAttribute("aria-label") });
  });
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// The findings inside one line: what each says, field by field, as text.
function inside(detail, line) {
  const box = element("div", undefined, "inside");
  if (line.action) {
    const action = element("p", undefined, "action");
    action.append(element("b", `${detail.action} `), line.action);
    box.append(action);
  }
  for (const finding of line.findings) {
    const list = element("dl");
    finding.forEach((text, i) => {
      if (!text) return;
      const item = element("div", undefined, detail.inside_columns[i].numeric ? "figure" : "");
      item.append(element("dt", detail.inside_columns[i].title), element("dd", text));
      list.append(item);
    });
    box.append(list);
  }
  return box;
}

const { DataTable } = window.recon;
for (const script of document.querySelectorAll("script[data-detail]")) {
  const place = document.getElementById(script.dataset.detail);
  const detail = parse(script);
  const words = detail.words;
  const safe = DataTable.render.text().display;
  const table = element("table", undefined, "compact");
  if (detail.note) place.append(element("p", detail.note, "empty"));
  place.append(table);
  const columns = detail.columns.map((column, i) => ({
    title: column.title,
    className: column.numeric ? "figure" : "",
    data: i,
    render: (cell, kind) => (kind === "display" ? safe(cell[0]) : kind === "filter" ? cell[0] : cell[1]),
  }));
  const opener = {
    title: `<span class="unseen">${safe(words.open_line)}</span>`,
    data: null, orderable: false, searchable: false, className: "opener",
    render: () => `<button type="button" aria-expanded="false" aria-label="${safe(words.open_line)}"></button>`,
  };
  const hidden = { data: detail.columns.length, visible: false, render: (cell) => safe(cell[0]) };
  const api = new DataTable(table, {
    data: detail.rows,
    columns: [opener, ...columns, hidden],
    order: [],
    pageLength: 15,
    lengthMenu: [15, 50, 200],
    autoWidth: false,
    layout: { topStart: "search", topEnd: null, bottomStart: "info", bottomEnd: "paging" },
    language: {
      search: words.search, searchPlaceholder: words.search_hint, info: words.page_info, infoEmpty: words.page_empty,
      infoFiltered: words.page_filtered, zeroRecords: words.page_empty, emptyTable: words.page_empty, lengthMenu: words.page_length,
      paginate: { previous: "‹", next: "›", first: "«", last: "»" },
      aria: { paginate: { previous: words.previous, next: words.next, first: words.first, last: words.last } },
    },
  });
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tbody > tr");
    if (!row || event.target.closest(".inside") || window.getSelection().toString()) return;
    const line = api.row(row);
    if (line.index() === undefined) return;
    const isOpen = line.child.isShown();
    if (isOpen) line.child.hide();
    else line.child(inside(detail, detail.inside[line.index()]), "child").show();
    row.classList.toggle("open", !isOpen);
    row.querySelector("button").setAttribute("aria-expanded", String(!isOpen));
  });
}
// What is wider than its place is moved sideways with the keys too; what fits is no stop on the way through the page.
const sideways = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
    else target.removeAttribute("tabindex");
  }
});
for (const place of document.querySelectorAll('[id$="-table"], .chart, .scroll, .detail')) sideways.observe(place);
Promise.all(drawn).then(() => document.documentElement.classList.add("ready"));
