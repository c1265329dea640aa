//! The seven linear layers of a block, which an adapter may adapt.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::Config;

/// A linear layer of a transformer block. The order is that of the forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Target {
    /// `q_proj`: hidden to queries.
    Query,
    /// `k_proj`: hidden to keys.
    Key,
    /// `v_proj`: hidden to values.
    Value,
    /// `o_proj`: heads to hidden.
    Output,
    /// `gate_proj`: hidden to intermediate, through SiLU.
    Gate,
    /// `up_proj`: hidden to intermediate.
    Up,
    /// `down_proj`: intermediate to hidden.
    Down,
}

impl Target {
    /// All seven, in the order of the forward pass.
    pub const ALL: [Self; 7] = [
        Self::Query,
        Self::Key,
        Self::Value,
        Self::Output,
        Self::Gate,
        Self::Up,
        Self::Down,
    ];

    /// The name as adapters list it, e.g. `q_proj`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "q_proj",
            Self::Key => "k_proj",
            Self::Value => "v_proj",
            Self::Output => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }

    /// The target with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// The path of the layer within its block, e.g. `self_attn.q_proj`.
    pub const fn module(self) -> &'static str {
        match self {
            Self::Query => "self_attn.q_proj",
            Self::Key => "self_attn.k_proj",
            Self::Value => "self_attn.v_proj",
            Self::Output => "self_attn.o_proj",
            Self::Gate => "mlp.gate_proj",
            Self::Up => "mlp.up_proj",
            Self::Down => "mlp.down_proj",
        }
    }

    /// The name of the layer's weight in a base, e.g. `model.layers.0.mlp.up_proj.weight`.
    pub fn weight(self, layer: usize) -> String {
        format!("model.layers.{layer}.{}.weight", self.module())
    }

    /// Width of what goes in.
    pub const fn inputs(self, config: &Config) -> usize {
        match self {
            Self::Query | Self::Key | Self::Value | Self::Gate | Self::Up => config.hidden_size,
            Self::Output => config.query_width(),
            Self::Down => config.intermediate_size,
        }
    }

    /// Width of what comes out.
    pub const fn outputs(self, config: &Config) -> usize {
        match self {
            Self::Query => config.query_width(),
            Self::Key | Self::Value => config.key_value_width(),
            Self::Gate | Self::Up => config.intermediate_size,
            Self::Output | Self::Down => config.hidden_size,
        }
    }
}

impl From<Target> for &'static str {
    fn from(target: Target) -> Self {
        target.name()
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::named(&name).ok_or_else(|| format!("{name:?} is not a layer that can be adapted"))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
