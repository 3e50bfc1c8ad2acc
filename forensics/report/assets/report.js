"use strict";
// Zooms all charts together, and opens what a link leads to. It reads no evidence and makes no
// markup: only numbers of view boxes and the labels of the axis change.
(() => {
  const main = document.querySelector("main");
  const WIDTH = 10000, NARROWEST = 5;
  const plots = [...document.querySelectorAll("svg.plot")];
  const axes = [...document.querySelectorAll("svg.axis")];
  const start = Number(main.dataset.start), length = Number(main.dataset.length);
  const steps = (main.dataset.steps || "").split(" ").map(Number);
  let from = 0, to = WIDTH;

  const moment = (place) => new Date((start + (length * place) / WIDTH) * 1000).toISOString();
  const whole = (place) => moment(place).slice(0, 19).replace("T", " ") + "Z";

  function label(seconds, step) {
    const text = new Date(seconds * 1000).toISOString();
    if (step >= 86400) return text.slice(0, 10);
    return step >= 60 ? text.slice(5, 16).replace("T", " ") : text.slice(11, 19);
  }

  function drawAxis(axis) {
    const first = start + (length * from) / WIDTH, span = (length * (to - from)) / WIDTH;
    const most = Number(main.dataset.marks);
    const step = steps.find((s) => span / s <= most) || steps[steps.length - 1];
    axis.replaceChildren();
    for (let at = Math.ceil(first / step) * step; at <= first + span; at += step) {
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      text.setAttribute("x", `${(((at - first) / span) * 100).toFixed(2)}%`);
      text.setAttribute("y", "15");
      text.textContent = label(at, step);
      axis.append(text);
    }
  }

  function show(left, right) {
    const width = Math.min(Math.max(right - left, NARROWEST), WIDTH);
    from = Math.min(Math.max(left, 0), WIDTH - width);
    to = from + width;
    for (const plot of plots) {
      plot.setAttribute("viewBox", `${from} 0 ${width} ${plot.getAttribute("height")}`);
    }
    axes.forEach(drawAxis);
    for (const output of document.querySelectorAll(".zoom output")) {
      output.textContent = width === WIDTH ? "" : `${whole(from)} to ${whole(to)}`;
    }
  }

  const around = (middle, factor) => show(
    middle - (middle - from) * factor, middle + (to - middle) * factor);
  const actions = {
    in: () => around((from + to) / 2, 0.5),
    out: () => around((from + to) / 2, 2),
    earlier: () => show(from - (to - from) / 3, to - (to - from) / 3),
    later: () => show(from + (to - from) / 3, to + (to - from) / 3),
    all: () => show(0, WIDTH),
  };

  function placeOf(plot, event) {
    const box = plot.getBoundingClientRect();
    return from + ((event.clientX - box.left) / box.width) * (to - from);
  }

  function follow(plot) {
    let begin = null, brush = null;
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      begin = placeOf(plot, event);
      brush = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      brush.setAttribute("class", "brush");
      brush.setAttribute("height", plot.getAttribute("height"));
      plot.append(brush);
      plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      if (begin === null) return;
      const now = placeOf(plot, event);
      brush.setAttribute("x", String(Math.min(begin, now)));
      brush.setAttribute("width", String(Math.abs(now - begin)));
    });
    const end = (event) => {
      if (begin === null) return;
      const now = placeOf(plot, event), first = begin;
      brush.remove();
      begin = null;
      if (event.type === "pointerup" && Math.abs(now - first) > (to - from) / 100) {
        show(Math.min(first, now), Math.max(first, now));
      }
    };
    plot.addEventListener("pointerup", end);
    plot.addEventListener("pointercancel", end);
    plot.addEventListener("dblclick", actions.all);
    plot.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      around(placeOf(plot, event), event.deltaY < 0 ? 0.8 : 1.25);
    }, { passive: false });
  }

  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
    if (target) target.scrollIntoView();
  }

  if (plots.length) {
    plots.forEach(follow);
    for (const bar of document.querySelectorAll(".zoom")) {
      bar.hidden = false;
      bar.addEventListener("click", (event) => {
        const action = actions[event.target.dataset && event.target.dataset.zoom];
        if (action) action();
      });
    }
  }
  window.addEventListener("hashchange", reveal);
  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll(".finding details")) details.open = true;
  });
  reveal();
})();
