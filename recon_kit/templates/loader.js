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

async function drawChart(script) {
  const place = document.getElementById(script.dataset.chart);
  const { data, layout } = parse(script);
  await Plotly.newPlot(place, data, layout);
  scalable(place);
  place.on("plotly_afterplot", () => scalable(place));
  place.parentElement.classList.add("drawn");
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

async function unpack(script) {
  const bytes = Uint8Array.from(atob(script.textContent), (letter) => letter.charCodeAt(0));
  const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(text).text());
}

// The findings inside one line: what each says, field by field, as text, and the address that leads to it.
function inside(detail, line) {
  const box = element("div", undefined, "inside");
  if (line.action) {
    const action = element("p", undefined, "action");
    action.append(element("b", `${detail.action} `), line.action);
    box.append(action);
  }
  line.findings.forEach((finding, n) => {
    const list = element("dl");
    list.id = line.ids[n];
    finding.forEach((text, i) => {
      if (!text) return;
      const item = element("div", undefined, detail.inside_columns[i].numeric ? "figure" : "");
      item.append(element("dt", detail.inside_columns[i].title), element("dd", text));
      list.append(item);
    });
    const link = element("a", line.ids[n]);
    link.href = `#${line.ids[n]}`;
    const item = element("div");
    item.append(element("dt", detail.words.finding_link), element("dd"));
    item.lastChild.append(link);
    list.append(item);
    box.append(list);
  });
  return box;
}

const { DataTable } = window.recon;

function openLine(detail, line, isOpen) {
  if (!isOpen) line.child.hide();
  else line.child(inside(detail, detail.inside[line.index()]), "child").show();
  line.node().classList.toggle("open", isOpen);
  line.node().querySelector("button").setAttribute("aria-expanded", String(isOpen));
}

// The finding that the page's address names: its line is turned to, opened and brought into sight.
function showFinding(detail, api) {
  const wanted = decodeURIComponent(location.hash.slice(1));
  const index = wanted ? detail.inside.findIndex((line) => line.ids.includes(wanted)) : -1;
  if (index < 0) return;
  api.search("");
  const place = api.rows({ order: "applied" }).indexes().toArray().indexOf(index);
  api.page(Math.floor(place / api.page.len())).draw("page");
  openLine(detail, api.row(index), true);
  const finding = document.getElementById(wanted);
  finding.setAttribute("tabindex", "-1");
  finding.focus({ preventScroll: true });
  finding.scrollIntoView({ block: "center", behavior: "instant" });
}

// All that can be searched for in a line.
function said(line) { return [line.action, ...line.ids, ...line.findings.flat()].join(" "); }

async function drawDetail(script) {
  const place = document.getElementById(script.dataset.detail);
  const detail = await unpack(script);
  place.replaceChildren();
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
  const hidden = {
    data: null, visible: false, render: (_, kind, __, { row }) => (kind === "filter" ? said(detail.inside[row]) : ""),
  };
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
    if (line.index() !== undefined) openLine(detail, line, !line.child.isShown());
  });
  window.addEventListener("hashchange", () => showFinding(detail, api));
  showFinding(detail, api);
}
// What is wider than its place is moved sideways with the keys too; what fits is no stop on the way through the page.
const sideways = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
    else target.removeAttribute("tabindex");
  }
});
for (const place of document.querySelectorAll('[id$="-table"], .chart, .scroll, .detail')) sideways.observe(place);

// One after another, top to bottom: between two of them the page can be read and moved.
for (const script of document.querySelectorAll("script[data-chart], script[data-detail]")) {
  await new Promise((resume) => { setTimeout(resume); });
  await (script.dataset.chart ? drawChart(script) : drawDetail(script)).catch(reportError);
}
document.documentElement.classList.add("ready");
