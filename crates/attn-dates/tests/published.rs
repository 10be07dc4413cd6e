//! The files that `attn-train` wrote are whole and fit together.

use attn_dates::{
    Model,
    fixture::{Fixture, fixtures},
    results::{HeldOut, accuracy, gradients},
    vocabulary::{TARGET_SIZE, decode_target, encode_source},
};
use ndarray::ArrayView1;

fn likeliest(logits: ArrayView1<f32>) -> usize {
    (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).expect("fourteen logits")
}

/// What the model writes under teacher forcing, the likeliest character at each step.
fn written(fixture: &Fixture) -> String {
    let ids: Vec<usize> = fixture.logits.rows().into_iter().map(likeliest).collect();
    decode_target(&ids)
}

#[test]
fn fixtures_have_the_shapes_of_their_texts() {
    for model in Model::ALL {
        let fixtures = fixtures(model);
        assert_eq!(fixtures.len(), 4, "{model}");
        for fixture in fixtures {
            let steps = fixture.target.len() + 1;
            assert_eq!(fixture.logits.dim(), (steps, TARGET_SIZE), "{model}");
            let positions = encode_source(&fixture.source).unwrap().len();
            let aligned = matches!(model, Model::Dot | Model::Additive);
            assert_eq!(fixture.alignment.is_some(), aligned, "{model}");
            for row in fixture.alignment.iter().flat_map(|rows| rows.rows()) {
                assert_eq!(row.len(), positions);
                assert!((row.sum() - 1.0).abs() < 1e-5, "{model}: {}", row.sum());
            }
        }
    }
}

#[test]
fn the_models_with_attention_read_the_date_that_the_book_shows() {
    for model in [Model::Dot, Model::Additive, Model::Transformer] {
        let first = &fixtures(model)[0];
        assert_eq!(first.source, "the 3rd of May, 1979");
        assert_eq!(written(first), "1979-05-03", "{model}");
    }
}

#[test]
fn accuracy_was_measured_for_every_model_and_length() {
    let rows = accuracy();
    for model in Model::ALL {
        for (held_out, lengths) in [(HeldOut::Days, 0..=8), (HeldOut::Forms, 1..=8)] {
            for dates in lengths {
                let row = rows
                    .iter()
                    .find(|row| (row.model, row.held_out, row.dates) == (model, held_out, dates));
                let row = row.unwrap_or_else(|| panic!("{model}, {held_out:?}, {dates}"));
                assert!((0.0..=1.0).contains(&row.share()) && row.lists >= 100);
            }
        }
    }
    assert_eq!(rows.len(), 4 * 17);
}

#[test]
fn gradients_were_measured_before_and_after_training() {
    let rows = gradients();
    for model in [Model::Fixed, Model::Dot] {
        for trained in [false, true] {
            let of_this = rows.iter().filter(|row| (row.model, row.trained) == (model, trained));
            let distances: Vec<usize> = of_this.clone().map(|row| row.distance).collect();
            let whole: Vec<usize> = (1..=distances.len()).collect();
            assert_eq!(distances, whole, "{model}");
            assert!(distances.len() > 80, "{model}: {}", distances.len());
            assert!(of_this.clone().all(|row| row.norm >= 0.0 && row.share >= 0.0));
        }
    }
}
