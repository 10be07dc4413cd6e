//! What every figure has to keep, whatever it draws.

use attn_viz::{Area, Axis, Bars, Figure, Grid, Heatmap, Lines, Look, Schematic};

const TITLE: &str = "Weights <of> \"one\" & all";
const ALTERNATIVE: &str = "Row 1 < row 2,\n\nand so on.";

fn heatmap(values: &[[f64; 3]]) -> Figure {
    Heatmap::new(TITLE, ALTERNATIVE, (values.len(), 3), |i, j| values[i][j])
        .rows("query", ["a<b", "c&d"])
        .columns("key", ["x", "y", "a rather long label"])
        .legend("weight")
        .figure()
}

fn lines(points: &[(f64, f64)]) -> Figure {
    Lines::new(TITLE, ALTERNATIVE)
        .x(Axis::log("head size d"))
        .y(Axis::log("time (µs)"))
        .series("first & <best>", points.to_vec())
        .series("second", points.iter().map(|&(x, y)| (x, 2.0 * y)))
        .figure()
}

fn banded(band: &[(f64, f64, f64)]) -> Figure {
    Lines::new(TITLE, ALTERNATIVE)
        .x(Axis::log("head size d"))
        .y(Axis::log("time (µs)"))
        .series("median", [(4.0, 1.0), (64.0, 2.0)])
        .band(band.to_vec())
        .figure()
}

fn bars(values: &[f64]) -> Figure {
    let empty = Bars::new(TITLE, ALTERNATIVE, Axis::linear("cache (KiB)"));
    let add = |bars: Bars, &value: &f64| bars.bar("a & b", value);
    values.iter().fold(empty, add).figure()
}

fn grid(n: usize, m: usize) -> Figure {
    Grid::new(TITLE, ALTERNATIVE, (n, m), |i, j| j <= i)
        .rows("query", ["0"])
        .columns("key", ["0"])
        .figure()
}

fn schematic() -> Schematic {
    let mut drawing = Schematic::new(TITLE, ALTERNATIVE);
    let state = drawing.block(Area::new(2.0, 3.0, 9.0, 4.0), Look::FIRST, "a < b\nd & e");
    let step = drawing.block(state.beside(6.0), Look::SECOND.strong(), "step");
    let plan = drawing.block(step.below(3.0), Look::PLAIN.dashed(), "planned");
    drawing.group(Area::new(1.0, 0.0, 33.0, 16.0), Look::PLAIN.dashed(), "a \"group\"");
    drawing.arrow(state, step, "to");
    drawing.arrow(step, plan, "down\nhere");
    drawing.arrow(state, plan, "");
    drawing.path_in(Look::THIRD, &[(2.0, 18.0), (9.0, 18.0), (9.0, 20.0)], "around");
    drawing.operation((20.0, 19.0), "+");
    drawing.cells((24.0, 18.0), (1, 2), (2.0, 2.0), |_, j| (Look::FOURTH, j.to_string()));
    drawing.grid(Area::new(29.0, 18.0, 5.0, 2.0), (2, 5), Look::FIRST);
    drawing.curve(Look::SECOND, &[(2.0, 22.0), (9.0, 23.0)]);
    drawing
}

fn all() -> Vec<Figure> {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let pairs = |ys: &[f64]| ys.iter().map(|&y| (4.0, y)).collect::<Vec<_>>();
    vec![
        heatmap(&[[1.0, -0.5, 0.0], odd]),
        heatmap(&[]),
        heatmap(&[[0.0; 3]]),
        lines(&[(4.0, 1.0), (64.0, 2.0), (1024.0, 3.0)]),
        lines(&pairs(&odd)),
        lines(&[(0.0, -1.0)]),
        lines(&[]),
        banded(&[(4.0, 0.5, 2.0), (64.0, 0.1, 3.0)]),
        banded(&[(4.0, f64::NAN, 2.0), (64.0, -1.0, 3.0)]),
        bars(&[1.0, 300.0, -7.0]),
        bars(&odd),
        bars(&[]),
        grid(3, 5),
        grid(0, 0),
        grid(60, 2),
        schematic().figure(),
        Schematic::new(TITLE, ALTERNATIVE).figure(),
    ]
}

#[test]
fn every_figure_is_well_formed_and_named() {
    for figure in all() {
        let svg = figure.svg("f");
        let document = roxmltree::Document::parse(&svg).unwrap_or_else(|e| panic!("{e}\n{svg}"));
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        assert_eq!(root.attribute("aria-labelledby"), Some("f-title f-desc"));
        let named = |id: &str| {
            let node = root.children().find(|n| n.attribute("id") == Some(id));
            node.and_then(|n| n.text()).map(str::to_string)
        };
        assert_eq!(named("f-title").as_deref(), Some(TITLE));
        assert_eq!(named("f-desc").as_deref(), Some("Row 1 < row 2,  and so on."));
    }
}

#[test]
fn every_figure_may_stand_inside_markdown() {
    for figure in all() {
        let svg = figure.svg("f");
        assert!(!svg.contains('\n') && !svg.contains("<?xml"), "{svg}");
    }
}

#[test]
fn no_coordinate_is_odd_and_no_colour_is_fixed() {
    for figure in all() {
        let svg = figure.svg("f");
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        for node in document.descendants() {
            for attribute in node.attributes() {
                let (name, value) = (attribute.name(), attribute.value());
                assert!(!value.contains("NaN") && !value.contains("inf"), "{name}={value}");
                if name == "fill" || name == "stroke" {
                    let follows = ["currentColor", "none"].contains(&value)
                        || value.starts_with("var(--viz-");
                    assert!(follows, "{name}={value}");
                }
            }
        }
    }
}

/// The drawing lies inside its own frame: nothing is cut off.
#[test]
fn shapes_lie_inside_the_view() {
    for figure in all() {
        let svg = figure.svg("f");
        let document = roxmltree::Document::parse(&svg).expect("well-formed");
        let number = |node: &roxmltree::Node, name: &str| {
            let text = node.attribute(name);
            text.map_or(0.0, |t| t.parse::<f64>().expect("a number"))
        };
        let root = document.root_element();
        let view = root.attribute("viewBox").expect("a view").split(' ').skip(2);
        let view: Vec<f64> = view.map(|side| side.parse().expect("a number")).collect();
        let (width, height) = (view[0], view[1]);
        for rect in document.descendants().filter(|n| n.has_tag_name("rect")) {
            let (x, y) = (number(&rect, "x"), number(&rect, "y"));
            let (right, bottom) = (x + number(&rect, "width"), y + number(&rect, "height"));
            assert!(x >= 0.0 && y >= 0.0 && right <= width && bottom <= height, "{svg}");
        }
    }
}

#[test]
fn cells_tell_their_values() {
    let svg = heatmap(&[[1.0, -0.5, 0.0], [f64::NAN, f64::INFINITY, 0.25]]).svg("f");
    for tip in [
        "query a&lt;b, key x: 1",
        "query a&lt;b, key y: −0.5",
        "query c&amp;d, key x: not a number",
        "query c&amp;d, key y: ∞",
        "key a rather long label: 0.25",
    ] {
        assert!(svg.contains(tip), "{tip}\n{svg}");
    }
    assert!(svg.contains("weight"));
}

#[test]
fn series_differ_in_more_than_colour() {
    let svg = lines(&[(4.0, 1.0), (64.0, 2.0)]).svg("f");
    assert!(svg.contains("stroke-dasharray=\"none\"") && svg.contains("stroke-dasharray=\"7 4\""));
    assert!(svg.contains("<circle") && svg.contains("<path d=\"M"));
    assert!(svg.contains("head size d") && svg.contains("time (µs)"));
}

#[test]
fn a_gap_in_the_data_is_a_gap_in_the_curve() {
    let figure = Lines::new("t", "a")
        .series("s", [(0.0, 1.0), (1.0, 2.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 1.5)])
        .figure();
    assert_eq!(figure.svg("f").matches("<polyline").count(), 2);
}

#[test]
fn nothing_to_show_is_said() {
    for figure in [heatmap(&[]), lines(&[]), bars(&[]), grid(0, 0)] {
        assert!(figure.svg("f").contains("no data"));
    }
}

#[test]
fn a_band_lies_inside_the_axes_and_a_broken_one_is_left_out() {
    let svg = banded(&[(4.0, 0.5, 2.0), (64.0, 0.1, 30.0)]).svg("id");
    let start = svg.find("<polygon points=\"").expect("a band") + "<polygon points=\"".len();
    let corners = svg[start..].split('"').next().expect("closed");
    assert_eq!(corners.split(' ').count(), 4);
    for corner in corners.split(' ') {
        let (x, y) = corner.split_once(',').expect("x,y");
        let (x, y): (f64, f64) = (x.parse().expect("x"), y.parse().expect("y"));
        assert!((0.0..=520.0).contains(&x) && (0.0..=320.0).contains(&y), "{corner}");
    }
    let broken = banded(&[(4.0, f64::NAN, 2.0), (64.0, 1.0, 3.0)]);
    assert!(!broken.svg("id").contains("<polygon"));
}

#[test]
fn a_schematic_fits_a_phone_and_uses_the_room_that_there_is() {
    let svg = schematic().figure().svg("f");
    let document = roxmltree::Document::parse(&svg).expect("well-formed");
    let root = document.root_element();
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let view: Vec<f64> =
        root.attribute("viewBox").expect("a view").split(' ').map(number).collect();
    assert!(view[2] <= 360.0, "{view:?}");
    assert!(number(root.attribute("width").expect("a width")) > 1.2 * view[2]);
    for size in document.descendants().filter_map(|node| node.attribute("font-size")) {
        // A phone leaves about 350 pixels.
        assert!(number(size) * 350.0 / view[2] >= 10.0, "{size} in {view:?}");
    }
}

#[test]
fn boxes_that_lead_somewhere_can_be_reached() {
    let mut drawing = schematic();
    assert!(!drawing.figure().svg("f").contains("<a "));
    drawing.link("a&b.html", |drawing| drawing.note((0.0, 24.0), "next"));
    let svg = drawing.figure().svg("f");
    let document = roxmltree::Document::parse(&svg).expect("well-formed");
    assert_eq!(document.root_element().attribute("role"), Some("group"));
    let link = document.descendants().find(|node| node.has_tag_name("a")).expect("a link");
    assert_eq!(link.attribute("href"), Some("a&b.html"));
    assert!(link.children().any(|node| node.text() == Some("next")));
}

#[test]
#[should_panic(expected = "units, its box has 4")]
fn a_label_that_is_wider_than_its_box_is_refused() {
    let area = Area::new(0.0, 0.0, 4.0, 2.0);
    Schematic::new(TITLE, ALTERNATIVE).block(area, Look::PLAIN, "much too long");
}

#[test]
#[should_panic(expected = "reaches beyond a drawing")]
fn what_would_not_fit_a_phone_is_refused() {
    let area = Area::new(30.0, 0.0, 10.0, 2.0);
    Schematic::new(TITLE, ALTERNATIVE).block(area, Look::PLAIN, "out");
}

#[test]
fn values_that_no_cell_has_room_for_are_in_a_table() {
    let small = Heatmap::new(TITLE, ALTERNATIVE, (2, 2), |i, j| (i + j) as f64 / 4.0).figure();
    assert!(small.values().is_empty(), "they are all written");
    let large = Heatmap::new(TITLE, ALTERNATIVE, (40, 2), |i, j| i as f64 / 50.0 - j as f64)
        .rows("query", ["first"])
        .columns("key", ["a<b", "c"])
        .full(1.0)
        .figure();
    assert_eq!(large.values().len(), 41);
    assert_eq!(large.values()[0], ["query \\ key", "a<b", "c"]);
    assert_eq!(large.values()[1], ["first", "0.00", "−1.00"]);
    assert_eq!(large.values()[40], ["39", "0.78", "−0.22"]);
}

#[test]
fn two_charts_can_share_a_scale() {
    let widths = |axis: Axis| {
        let svg = Bars::new(TITLE, ALTERNATIVE, axis).bar("one", 10.0).figure().svg("id");
        let width = svg.split("<rect ").nth(1).and_then(|rect| rect.split("width=\"").nth(1));
        let width = width.and_then(|rest| rest.split('"').next()).expect("a bar");
        width.parse::<f64>().expect("a number")
    };
    let (alone, beside) = (widths(Axis::linear("x")), widths(Axis::linear("x").at_least(40.0)));
    assert!((alone / beside - 4.0).abs() < 0.01, "{alone} and {beside}");
}
